"""Independent evaluators: networks that neither train nor filter what they are asked about.

Their architecture, seed and training differ from the experts' (:mod:`filters.experts.embedded`), so that a
figure given by them is a second opinion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filters.experts.configs import ReadoutConfig, config_of
from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy, ask, pinned_weights, prepare
from filters.experts.lite import LiteExpert
from filters.experts.networks import regnet_lung_network
from synth.errors import WeightsError
from synth.weights import WEIGHTS, check_shapes

#: Folders under CHECKPOINTS.
ANATOMY_EVALUATOR, ATTRIBUTE_EVALUATOR, FINDING_EVALUATOR = (
    "evaluator_anatomy",
    "evaluator_attributes",
    "evaluator_lite2",
)


@dataclass(frozen=True)
class Attributes:
    """What N radiographs show of their patients: each (N,) float32.

    ``female`` and ``pa``: 1 for a woman and for PA, 0 for a man and for AP, as fitted by least squares, so
    that some lie beyond; ``age`` in years.
    """

    female: np.ndarray
    pa: np.ndarray
    age: np.ndarray


class AttributeEvaluator:
    """Sex, view and age of frontal radiographs: linear in what the other two evaluators' encoders see.

    ``mean`` and ``scale`` (F,) standardise their features, ``weights`` (F, 3) and ``bias`` (3,) read
    female, PA and age off them.
    """

    def __init__(self, readout: Mapping[str, Tensor], extractor: "FeatureExtractor") -> None:
        self.readout = {k: v.double().numpy() for k, v in readout.items()}
        self.extractor = extractor

    @classmethod
    def load(cls, folder: Path | None = None) -> "AttributeEvaluator":
        """From a checkpoint folder, by default the shipped one; WeightsError says what is wrong.

        It was fitted to the very encoders that its config names.
        """
        folder = folder or CHECKPOINTS / ATTRIBUTE_EVALUATOR
        readout, _ = pinned_weights(folder)
        extractor = FeatureExtractor.load()
        if (wanted := config_of(folder, ReadoutConfig).encoders) != extractor.digests:
            raise WeightsError(f"weights: {folder} was fitted to {wanted}, found {extractor.digests}")
        features = len(readout["mean"]) if "mean" in readout else 0
        shapes = {"mean": (features,), "scale": (features,), "weights": (features, 3), "bias": (3,)}
        check_shapes(readout, shapes, folder / WEIGHTS)
        return cls(readout, extractor)

    @property
    def average_age(self) -> float:
        """Years: mean of the patients it learned from, what it would say without looking."""
        return float(self.readout["bias"][2])

    def look(self, images: np.ndarray) -> Attributes:
        """Attributes of ``images`` (N, H, W) uint8."""
        said = self.features(images) @ self.readout["weights"] + self.readout["bias"]
        return Attributes(*said.astype(np.float32).T)

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float64 standardised features of ``images`` (N, H, W) uint8."""
        seen = self.extractor.features(images)
        return np.asarray((seen - self.readout["mean"]) / self.readout["scale"])


@dataclass(frozen=True)
class FeatureExtractor:
    """The encoders of the lungs' and the findings' evaluator, each with its resolution, and their pins."""

    encoders: tuple[tuple[nn.Module, int], ...]
    digests: dict[str, str]
    batch_size: int = 16

    @classmethod
    def load(cls, lung_folder: Path | None = None, finding_folder: Path | None = None) -> "FeatureExtractor":
        """Of two checkpoint folders, by default the shipped ones."""
        lungs, findings = load_lung_evaluator(lung_folder), load_finding_evaluator(finding_folder)
        encoders: tuple[Any, Any] = lungs.network.encoder, findings.network.segmenter.encoder
        digests = {ANATOMY_EVALUATOR: lungs.digest, FINDING_EVALUATOR: findings.digest}
        resolutions = lungs.resolution, findings.resolution
        return cls(tuple(zip(encoders, resolutions, strict=True)), digests)

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float64: of each encoder's last two stages every channel's mean, maximum and its means
        over 3 × 3 cells; ``images`` (N, H, W) uint8.
        """
        rows: list[np.ndarray] = ask(images, self.batch_size, self._features)
        return np.stack(rows)

    @torch.inference_mode()
    def _features(self, batch: np.ndarray) -> list[np.ndarray]:
        maps = [m for encoder, side in self.encoders for m in encoder(prepare(batch, side))[-2:]]
        pooled = [(m.mean((2, 3)), m.amax((2, 3)), F.adaptive_avg_pool2d(m, 3).flatten(1)) for m in maps]
        return list(torch.cat([p for three in pooled for p in three], 1).double().numpy())


def load_lung_evaluator(folder: Path | None = None, batch_size: int = 8) -> EmbeddedAnatomy:
    """The lungs' evaluator, asked as the anatomy expert is; it speaks of right and left lung only."""
    folder = folder or CHECKPOINTS / ANATOMY_EVALUATOR
    evaluator = EmbeddedAnatomy.of(regnet_lung_network(), folder, batch_size)
    evaluator.name = "lung evaluator"
    return evaluator


def load_finding_evaluator(folder: Path | None = None, batch_size: int = 8) -> LiteExpert:
    """The evaluator of findings, asked as the finding experts are; it learned from other patients' films."""
    evaluator = LiteExpert.read(folder or CHECKPOINTS / FINDING_EVALUATOR, batch_size)
    evaluator.name = "finding evaluator"
    return evaluator
