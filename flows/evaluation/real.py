"""The real radiographs that generated ones are held against, prepared as the trainings see them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.material.real import Radiographs, load_nih
from flows.training.recipes.evaluator_attributes import without_markers


@dataclass(frozen=True)
class Real:
    """NIH's frontal radiographs: cropped, exposure normalised, burned-in markers removed.

    ``images`` (N, S, S) uint8 in the order of ``nih``; ``training`` and ``held`` are indices. Held out
    are the calibration and test parts: no generator saw them, and of the experts' weights only
    Platt's two numbers were fitted to them.
    """

    nih: Radiographs
    images: np.ndarray
    training: np.ndarray
    held: np.ndarray

    @property
    def held_images(self) -> np.ndarray:
        """(M, S, S) uint8."""
        return self.images[self.held]


def load_real(data: Path, cache: Path | None = None) -> Real:
    """Of the folder ``data``; ``cache`` (npz) keeps the prepared images, whose making takes a minute."""
    nih = load_nih(data)
    images = _cached(nih, cache)
    return Real(nih, images, nih.where("train"), np.flatnonzero(nih.parts != "train"))


def _cached(nih: Radiographs, cache: Path | None) -> np.ndarray:
    if cache is not None and cache.exists():
        with np.load(cache) as arrays:
            if arrays["names"].tolist() == nih.names:
                return arrays["images"]
    images = without_markers(nih.images)
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, names=np.array(nih.names), images=images)
    return images
