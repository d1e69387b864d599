"""The embedded experts: small networks trained here and shipped, asked in batches of one size."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn
from torch.nn import functional

from filters.experts.configs import AnatomyConfig, config_of, read_config
from filters.experts.embedding import TrainingIndex
from filters.experts.lite_networks import folded
from filters.experts.networks import anatomy_network
from filters.experts.opinion import Expert, Opinion
from synth.weights import WEIGHTS, fit, pins, read_tensors

__all__ = ["WEIGHTS", "Embedded", "EmbeddedAnatomy", "Expert", "Opinion", "fit", "read_config"]

#: Where the shipped experts stand: one folder each, pinned by its SHA256SUMS.
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
#: The deepest features are pooled to this many cells a side before they become an embedding.
POOLED = 4
#: The name that "any lung opacity" goes by in probabilities and maps.
OPACITY = "opacity"

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)


def in_batches(images: np.ndarray, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """(how many are real, batch of exactly ``size``): the last one is padded with its last image.

    With one batch size the arithmetic, and so every bit, is the same wherever an image stands.
    """
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        padding = np.repeat(batch[-1:], size - len(batch), axis=0)
        yield len(batch), np.concatenate([batch, padding])


def ask(images: np.ndarray, size: int, look: Callable[[np.ndarray], list[T]]) -> list[T]:
    """One answer per image (N, H, W), given by ``look`` on batches of exactly ``size``."""
    answers: list[T] = []
    for count, batch in in_batches(images, size):
        answers += look(batch)[:count]
    return answers


def prepare(images: np.ndarray, resolution: int, device: str | torch.device = "cpu") -> Tensor:
    """uint8 (N, H, W) as the networks take it: (N, 1, R, R) float32 in [-1, 1], area-averaged."""
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device).float().div(127.5).sub(1)
    return functional.interpolate(x[:, None], size=(resolution, resolution), mode="area")


def enlarge(maps: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Maps (N, K, R, R) in [0, 1] resampled bilinearly to ``size``: (N, K, H, W) float32."""
    maps = functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return maps.float().clamp(0, 1).cpu().numpy()  # interpolation may round past 1


def logistic(logits: Tensor) -> np.ndarray:
    """1 / (1 + e^-x), each element by the same instructions wherever it stands, float32.

    torch's own takes another path for the last few elements of a tensor, so that an image's place
    in its batch would change the last bit.
    """
    return expit(logits.double().cpu().numpy()).astype(np.float32)


def load_network(network: N, folder: Path, device: str = "cpu") -> tuple[N, str]:
    """The network with the folder's pinned weights, ready to be asked, and their digest."""
    tensors, pin = pinned_weights(folder)
    fit(network, tensors, folder / WEIGHTS)
    return network.requires_grad_(False).eval().to(device), pin


def pinned_weights(folder: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of a checkpoint folder and their digest; WeightsError without a pin that they match."""
    tensors = read_tensors(folder)
    return tensors, pins(folder)[WEIGHTS]


class Embedded(ABC):
    """What embedded experts share: images are asked about, and encoded, in batches of one size."""

    network: Any
    resolution: int
    batch_size: int
    device: str

    @torch.inference_mode()
    def look(self, images: np.ndarray) -> list[Opinion]:
        """One opinion of each image: ``images`` (N, H, W) uint8, H = W."""
        return ask(images, self.batch_size, self._look)

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float32: deepest features averaged over 4 × 4 cells, what an index is fit on."""
        return _pooled(images, self.batch_size, self._encode)

    @abstractmethod
    def _encode(self, batch: np.ndarray) -> list[Tensor]:
        """All the encoder's features of a batch, the deepest last."""

    @abstractmethod
    def _look(self, batch: np.ndarray) -> list[Opinion]:
        """One opinion of each image of a batch."""


class EmbeddedAnatomy(Embedded):
    """The shipped anatomy segmenter: probabilities of lungs, heart and what else it was taught.

    ``network``, of segmentation-models-pytorch, takes (N, 1, R, R) in [-1, 1] and gives logits (N, K, R, R),
    K as ``structures``. With an ``index`` it also embeds: what tells bodies apart tells patients apart, and a
    lesion more or less changes little (measured: docs/benchmarks.md).
    """

    name = "embedded anatomy"
    findings: tuple[str, ...] = ()

    def __init__(
        self,
        network: nn.Module,
        resolution: int,
        structures: tuple[str, ...],
        digest: str = "",
        batch_size: int = 8,
        device: str = "cpu",
        index: TrainingIndex | None = None,
    ) -> None:
        self.network = network.eval()
        self.resolution, self.structures, self.digest = resolution, structures, digest
        self.batch_size, self.device, self.index = batch_size, device, index

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        batch_size: int = 8,
        device: str = "cpu",
        index: TrainingIndex | None = None,
    ) -> "EmbeddedAnatomy":
        """From a checkpoint folder, by default the shipped one; WeightsError says what is wrong."""
        folder = folder or CHECKPOINTS / "anatomy"
        network = anatomy_network(len(config_of(folder, AnatomyConfig).structures))
        return cls.of(network, folder, batch_size, device, index)

    @classmethod
    def of(
        cls,
        network: nn.Module,
        folder: Path,
        batch_size: int = 8,
        device: str = "cpu",
        index: TrainingIndex | None = None,
    ) -> "EmbeddedAnatomy":
        """A network of another architecture with the weights and config of a checkpoint folder."""
        config = config_of(folder, AnatomyConfig)
        network, digest = load_network(network, folder, device)
        folded(network).to(memory_format=torch.channels_last)
        return cls(network, config.resolution, tuple(config.structures), digest, batch_size, device, index)

    def _encode(self, batch: np.ndarray) -> list[Tensor]:
        x = prepare(batch, self.resolution, self.device)
        return list(self.network.encoder(x.contiguous(memory_format=torch.channels_last)))

    def _look(self, batch: np.ndarray) -> list[Opinion]:
        features = self._encode(batch)
        logits = self.network.segmentation_head(self.network.decoder(features))
        maps = enlarge(logits.sigmoid(), batch.shape[1:])
        embeddings = self.index.project(_pool(features[-1])) if self.index else [None] * len(batch)
        return [
            Opinion(structures=self.structures, anatomy=m, embedding=e)
            for m, e in zip(maps, embeddings, strict=True)
        ]


def _pooled(images: np.ndarray, size: int, encode: Callable[[np.ndarray], list[Tensor]]) -> np.ndarray:
    """(N, C · 16) float32 of images (N, H, W) uint8, encoded in batches of exactly ``size``."""
    rows: list[np.ndarray] = ask(images, size, lambda batch: list(_pool(encode(batch)[-1])))
    return np.stack(rows)


def _pool(deepest: Tensor) -> np.ndarray:
    """Feature maps (N, C, h, w) as rows (N, C · 16) float32."""
    return functional.adaptive_avg_pool2d(deepest, POOLED).flatten(1).float().cpu().numpy()
