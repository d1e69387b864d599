"""Spaces that two sets of radiographs are compared in."""

from dataclasses import dataclass

import numpy as np
import torch
import torchvision
from torch import nn

from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy, ask, prepare
from filters.experts.embedding import INDEX, TrainingIndex
from filters.experts.ensemble import MEMBERS
from filters.experts.evaluators import AttributeEvaluator
from filters.experts.lite import LiteExpert

#: Components kept of each space: fewer than the smallest sample compared, so that a covariance has full rank.
DIMENSIONS = 64
#: Seed of the random network's weights.
RANDOM_SEED = 20_200


@dataclass(frozen=True)
class Projection:
    """The main axes of real training images: ``mean`` (F,), ``axes`` (D, F) orthonormal."""

    mean: np.ndarray
    axes: np.ndarray

    @classmethod
    def fit(cls, training: np.ndarray, dimensions: int = DIMENSIONS) -> "Projection":
        """Principal components of ``training`` (N, F), at most as many as there are."""
        mean = training.mean(0, dtype=np.float64)
        axes = np.linalg.svd(training - mean, full_matrices=False)[2]
        return cls(mean, axes[: min(dimensions, len(training) - 1)])

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(N, F) to (N, D) float64."""
        return (features - self.mean) @ self.axes.T


def embeddings(images: np.ndarray) -> np.ndarray:
    """(N, D) float32 unit vectors: those that the filters find duplicates and copies by."""
    index = TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX)
    return index.project(EmbeddedAnatomy.load().features(images))


def first_finding_expert() -> LiteExpert:
    """The finding expert whose features are a space of their own."""
    return LiteExpert.read(CHECKPOINTS / MEMBERS["findings"][0])


def expert_features(images: np.ndarray) -> np.ndarray:
    """(N, F) float32: the first finding expert's deepest features, averaged over the image."""
    rows = first_finding_expert().features(images)
    return rows.reshape(len(rows), -1, 16).mean(2)


def attribute_features(images: np.ndarray) -> np.ndarray:
    """(N, F) float64: those of the attributes' evaluator, which the generator never met."""
    return AttributeEvaluator.load().features(images)


class RandomDenseNet:
    """A DenseNet (Huang et al., 2017) with fixed random weights: a space that no label has shaped.

    Naeem et al. (2020) recommend random weights where the images are unlike ImageNet's.
    """

    def __init__(self, resolution: int = 256) -> None:
        self.resolution = resolution
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(RANDOM_SEED)
            net = torchvision.models.DenseNet(16, (4, 8, 12, 8), 32)
            net.features.conv0 = nn.Conv2d(1, 32, 7, 2, 3, bias=False)
            nn.init.kaiming_normal_(net.features.conv0.weight)
        self.layers = net.features.eval().requires_grad_(False)

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float32: last features averaged over the image; ``images`` (N, H, W) uint8."""
        rows: list[np.ndarray] = ask(images, 16, self._features)
        return np.stack(rows)

    @torch.inference_mode()
    def _features(self, batch: np.ndarray) -> list[np.ndarray]:
        maps = self.layers(prepare(batch, self.resolution)).relu()
        return list(maps.mean((2, 3)).numpy())
