"""Lungs and heart as the anatomy experts see them, held against what people outlined."""

from pathlib import Path
from typing import Any

import numpy as np

from filters.anatomy_agreement import dice
from filters.experts.opinion import Expert
from flows.material.films import SHOWN
from flows.material.opacities import load_outlined
from flows.material.real import load_lungs, part_of
from synth.errors import WeightsError


def organ_figures(anatomy: Expert, data: Path) -> dict[str, Any]:
    """Mean Dice of both lungs together on ``data/lungs``, all films and those that nothing learned from, and
    on ``data/opacities``; there the share of the heart that lies inside the outlined mediastinum, too.

    What is missing is left out: a folder, or a structure that no film of it has.
    """
    figures: dict[str, Any] = {}
    if (data / "lungs").is_dir():
        images, lungs, names = load_lungs(data, SHOWN)
        scores = dices(lungs_of(anatomy, images), np.asarray(lungs.any(1)))
        held = np.array([part_of(name) != "train" for name in names])
        figures |= {"lungs, held out": of(scores[held]), "lungs, with what taught them": of(scores)}
    if (data / "opacities").is_dir():
        films = load_outlined(data, SHOWN)
        outlined, middle = films.mask("right_lung", "left_lung"), films.mask("mediastinum")
        if (some := outlined.any((1, 2))).any():
            figures["lungs with opacities"] = of(dices(lungs_of(anatomy, films.images[some]), outlined[some]))
        if (some := middle.any((1, 2))).any():
            hearts = organ_of(anatomy, films.images[some], "heart")
            inside = [(h & m).sum() / max(1, h.sum()) for h, m in zip(hearts, middle[some], strict=True)]
            figures["heart inside the mediastinum"] = of(np.array(inside))
    return figures


def lungs_of(anatomy: Expert, images: np.ndarray) -> np.ndarray:
    """(N, H, W) bool: both lungs, as an anatomy expert sees them."""
    return organ_of(anatomy, images, "right_lung") | organ_of(anatomy, images, "left_lung")


def organ_of(anatomy: Expert, images: np.ndarray, organ: str) -> np.ndarray:
    """(N, H, W) bool: one of ANATOMY, as an anatomy expert sees it."""
    seen = [opinion.mask(organ) for opinion in anatomy.look(images)]
    if any(mask is None for mask in seen):
        raise WeightsError(f"anatomy: {anatomy.name} speaks of {anatomy.structures}, expected {organ}")
    return np.array(seen, bool)


def dices(seen: np.ndarray, outlined: np.ndarray) -> np.ndarray:
    """(N,) Dice of masks (N, H, W) bool."""
    return np.array([dice(a, b) for a, b in zip(seen, outlined, strict=True)])


def of(values: np.ndarray) -> dict[str, float | int]:
    """How many, their mean and least."""
    return {
        "films": len(values),
        "mean": round(float(values.mean()), 3),
        "worst": round(float(values.min()), 3),
    }
