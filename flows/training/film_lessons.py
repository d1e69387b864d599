"""What networks learn from real films: batches, and the loss of saying what the labels and grades say."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flows.material.films import RealFilms
from flows.training.augment import Warp, draw_warp, vary_exposure
from flows.training.labels import SPOKEN, TAUGHT, odds, targets

#: Share of films that are shown coarser than they are, and of how many pixels a side then: a film's
#: sharpness shall tell nothing, and generated images have 256.
COARSE, SIDES = 0.5, (128, 160, 192, 224, 256)


@dataclass(frozen=True)
class Lessons:
    """Films at the network's ``size``, targets and weights (N, len(TAUGHT)), and how often each comes."""

    films: RealFilms
    truth: np.ndarray
    weight: np.ndarray
    odds: np.ndarray
    size: int

    @classmethod
    def of(cls, films: RealFilms) -> "Lessons":
        """Of films that are of the network's size already."""
        truth, weight = targets(films)
        return cls(films, truth, weight, odds(films), films.images.shape[-1])

    def label_loss(self, network: Any, rng: np.random.Generator, batch: int) -> Tensor:
        """One batch's loss of the deepest features alone. ``network`` is a LabelNetwork."""
        chosen = rng.choice(len(self.films), batch, p=self.odds)
        x, _ = augmented(self.films.images[chosen], rng)
        x = x.to(network.device)
        return label_loss(network(x), self.truth[chosen], self.weight[chosen])


class LabelNetwork(nn.Module):
    """A finding network, taught by what it pools, and what else its features shall know: (N, len(TAUGHT))."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.besides = nn.Linear(network.classify.in_features, len(TAUGHT) - len(SPOKEN))

    @property
    def device(self) -> torch.device:
        """Where it is taught."""
        return self.besides.weight.device

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.network.pool(self.network.encode(x))
        return torch.cat([self.network.classify(pooled), self.besides(pooled)], 1)

    def maps_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map logits (N, 14, h, w) beside what :meth:`forward` gives, to which the maps' peaks add."""
        features = self.network.encode(x)
        maps, spoken = self.network.heads(features)
        return maps, torch.cat([spoken, self.besides(self.network.pool(features))], 1)


def label_loss(logits: Tensor, truth: np.ndarray, weight: np.ndarray) -> Tensor:
    """Weighted cross-entropy of (N, K) logits; what is there counts twice, for it is rare."""
    y, w = (torch.from_numpy(a).to(logits.device) for a in (truth, weight))
    loss = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return (loss * w * (1 + y)).sum() / len(y) / 4


def augmented(images: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Warp]:
    """A batch (N, S, S) uint8 as networks see it, (N, 1, S, S) in [-1, 1], varied; and how it was warped."""
    size, count = images.shape[-1], len(images)
    x = torch.from_numpy(images)[:, None].float() / 255
    for i in np.flatnonzero(rng.random(count) < COARSE):
        side = int(rng.choice([s for s in SIDES if s < size] or [size]))
        x[i : i + 1] = resized(resized(x[i : i + 1], side), size)
    warp = draw_warp(rng, count, size, degrees=9, scale=0.14, shift=0.05, elastic=0.006)
    flip = torch.from_numpy(rng.random(count) < 0.4)  # a finding is the same on either side
    warp.grid[flip, :, :, 0] *= -1
    x = vary_exposure(warp(x), rng, 0.8) * 2 - 1
    return x.contiguous(memory_format=torch.channels_last), warp


def resized(x: Tensor, side: int) -> Tensor:
    """(N, C, S, S) to (N, C, side, side), as the experts are given images: by the mean of areas."""
    if side == x.shape[-1]:
        return x
    if side < x.shape[-1]:
        return F.interpolate(x, size=(side, side), mode="area")
    return F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


def together(films: Sequence[RealFilms], size: int) -> RealFilms:
    """Films of several folders at one size."""
    same = [replace(f, images=_resized(f.images, size)) for f in films]
    joined: dict[str, Any] = {}
    for field in fields(RealFilms):
        parts = [getattr(f, field.name) for f in same]
        whole = isinstance(parts[0], np.ndarray)
        joined[field.name] = np.concatenate(parts) if whole else [v for part in parts for v in part]
    return RealFilms(**joined)


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    if images.shape[-1] == size:
        return images
    parts = [
        resized(x[:, None].float(), size)[:, 0].round().byte() for x in torch.from_numpy(images).split(64)
    ]
    return torch.cat(parts).numpy()
