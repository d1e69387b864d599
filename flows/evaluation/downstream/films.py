"""Films to learn from and to be tested on, each with its truth; and batches of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from flows.evaluation.downstream.arms import Arm, held_out
from flows.training.augment import draw_warp, vary_exposure


class Truth(Protocol):
    """What is known of one film; each task has its own."""

    @property
    def classes(self) -> np.ndarray:
        """(K,) bool: which classes the film shows."""

    @property
    def known(self) -> np.ndarray:
        """(K,) bool: of which classes anybody knows whether it does."""

    def warped(self, grid: Tensor) -> Self:
        """The same of the film that ``grid`` (S, S, 2), in [-1, 1] of this one, samples."""


@dataclass(frozen=True)
class Films:
    """N films: ``images`` (N, S, S) uint8, exposure normalised; ``patients`` (N,), synthetic ones have a
    name of their own each; and their truths."""

    images: np.ndarray
    patients: np.ndarray
    truths: list[Truth]

    @classmethod
    def of(cls, rows: Iterable[tuple[np.ndarray, str, Truth]], size: int) -> "Films":
        """Of image, patient and truth of each."""
        told = list(rows)
        images = np.stack([r[0] for r in told]) if told else np.zeros((0, size, size), np.uint8)
        return cls(images, np.array([r[1] for r in told], str), [r[2] for r in told])

    def __len__(self) -> int:
        return len(self.truths)

    def take(self, index: np.ndarray | Sequence[int]) -> "Films":
        """Some of them, by index or (N,) bool."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(int)
        return Films(self.images[index], self.patients[index], [self.truths[i] for i in index])

    def of_patients(self, names: Iterable[str]) -> "Films":
        """Those of some patients."""
        return self.take(np.isin(self.patients, list(names)))

    def parted(self) -> tuple["Films", "Films"]:
        """Real ones of which anything is known: those to learn from, and those of held-out patients."""
        told, away = np.array([t.known.any() for t in self.truths], bool), held_out(self.patients)
        return self.take(told & ~away), self.take(told & away)

    @cached_property
    def shows(self) -> np.ndarray:
        """(N,) bool: which are known to show a class."""
        return np.array([bool((t.classes & t.known).any()) for t in self.truths], bool)

    @property
    def taught(self) -> np.ndarray:
        """(K,) bool: classes that some film is known to show."""
        return np.asarray(np.array([t.classes & t.known for t in self.truths]).any(0))


@dataclass(frozen=True)
class Lessons:
    """What one run learns from; ``share`` of a batch is synthetic where there are both.

    Half of each kind of film in a batch shows a class, the other half none, so that all arms see the rare as
    often; where there is only one of both, it is the whole.
    """

    real: Films | None
    synthetic: Films | None
    share: float
    augmented: bool

    @classmethod
    def of(cls, arm: Arm, real: Films, synthetic: Films, share: float) -> "Lessons":
        """Those of an arm."""
        return cls(real if arm.real else None, synthetic if arm.synthetic else None, share, arm.augmented)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[Truth]]:
        """A batch (B, 1, S, S) in [0, 1], and its truths."""
        if self.real is not None and self.synthetic is not None:
            drawn = min(max(1, round(count * self.share)), count - 1)
            parts = [(self.real, count - drawn), (self.synthetic, drawn)]
        else:
            parts = [(films, count) for films in (self.real, self.synthetic) if films is not None]
        some = [films.take(_balanced(films, rng, n)) for films, n in parts]
        x = torch.from_numpy(np.concatenate([f.images for f in some]))[:, None].float() / 255
        truths = [t for f in some for t in f.truths]
        return varied(x, truths, rng) if self.augmented else (x, truths)


def _balanced(films: Films, rng: np.random.Generator, count: int) -> np.ndarray:
    with_some, without = np.flatnonzero(films.shows), np.flatnonzero(~films.shows)
    if not len(with_some) or not len(without):
        return rng.choice(len(films), count)
    some = count // 2 + int(count % 2 and rng.random() < 0.5)
    return np.concatenate([rng.choice(with_some, some), rng.choice(without, count - some)])


def varied(x: Tensor, truths: list[Truth], rng: np.random.Generator) -> tuple[Tensor, list[Truth]]:
    """Classical augmentation: turned, stretched and moved a little, exposed otherwise. Nothing is flipped:
    the heart is on the left."""
    warp = draw_warp(rng, len(x), x.shape[-1], degrees=5, scale=0.08, shift=0.03, elastic=0.003)
    moved = [t.warped(g) for t, g in zip(truths, warp.grid, strict=True)]
    return vary_exposure(warp(x), rng, 0.7), moved
