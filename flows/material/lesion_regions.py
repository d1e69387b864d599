"""Where the lesions of real films are: inside radiologists' boxes, or around the maximum of a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from scipy import ndimage

from flows.material.films import RSNA_BOX, RealFilms
from synth.findings import FINDING_NAMES
from synth.masks.anatomy import enlarged_outline

#: Cells a side of the grid that regions are kept on, and pixels a side that they are found at.
GRID, SIDE = 64, 256
#: Share of its box that a lesion fills.
FILL: Final = {
    "effusion": 0.6,
    "pneumothorax": 0.55,
    "atelectasis": 0.6,
    "mass": 0.75,
    "nodule": 0.8,
    "consolidation": 0.7,
}
#: Least and greatest share of the film that a lesion covers whom nobody boxed. No map finds a nodule.
AREA: Final = {
    "atelectasis": (0.004, 0.05),
    "consolidation": (0.008, 0.10),
    "effusion": (0.008, 0.10),
    "emphysema": (0.06, 0.22),
    "fibrosis": (0.01, 0.08),
    "mass": (0.003, 0.03),
    "pleural_thickening": (0.003, 0.03),
    "pneumothorax": (0.006, 0.08),
}
#: A map is believed where the label names its finding and its probability lies above that of this share of
#: the films without: rare findings have low ones.
BELIEVED = 0.7


class State(IntEnum):
    """What is known of a finding in a film."""

    ABSENT, OUTLINED, SOMEWHERE, UNKNOWN = range(4)


@dataclass(frozen=True)
class Regions:
    """Of N films: ``cover`` (N, 13, GRID, GRID) uint8, 255 where a lesion fills it; ``state`` (N, 13)."""

    cover: np.ndarray
    state: np.ndarray


def lesion_regions(
    films: RealFilms,
    states: np.ndarray,
    anatomy: np.ndarray,
    maps: np.ndarray,
    probabilities: np.ndarray,
    boxed: dict[str, tuple[str, ...]],
) -> Regions:
    """Regions of films whose findings' ``states`` (N, 13) are known from labels.

    ``anatomy`` (N, 5, S, S) bool; ``maps`` (N, 13, h, w) uint8 and ``probabilities`` (N, 13) of an expert;
    ``boxed`` names the findings of each kind of box.
    """
    cover = np.zeros((len(films), len(FINDING_NAMES), GRID, GRID), np.uint8)
    state = states.copy()
    without = [p[s == State.ABSENT] for p, s in zip(probabilities.T, states.T, strict=True)]
    believed = probabilities >= [np.quantile(p, BELIEVED) if len(p) else 0 for p in without]
    for i in range(len(films)):
        organs = _enlarged(anatomy[i])
        boxes = _boxes(films.boxes[i], boxed)
        there = {FINDING_NAMES[k] for k in np.flatnonzero(state[i] == State.SOMEWHERE)}
        for name in sorted(there | boxes.keys()):
            k = FINDING_NAMES.index(name)
            mask = _mask(name, organs, maps[i, k], boxes.get(name, ()), believed[i, k])
            if mask is None:
                continue
            cover[i, k] = np.rint(255 * mask.reshape(GRID, SIDE // GRID, GRID, -1).mean((1, 3)))
            state[i, k] = State.OUTLINED
    return Regions(cover, state)


def _mask(
    name: str, organs: np.ndarray, small: np.ndarray, boxes: Sequence[Sequence[float]], believed: bool
) -> np.ndarray | None:
    """(SIDE, SIDE) bool, or None where nothing can be said."""
    if name == "cardiomegaly":
        heart = enlarged_outline(organs[2])
        return heart if heart.sum() >= 50 else None
    scale = SIDE / small.shape[-1]
    wide = ndimage.zoom(small.astype(np.float32), scale, order=1, grid_mode=True, mode="nearest")
    if boxes:
        mask = np.any([_inside(wide, box, FILL.get(name, 0.7)) for box in boxes], 0)
    elif believed and name in AREA:
        mask = _around(wide * ndimage.binary_dilation(organs[:2].any(0), iterations=8), AREA[name])
    else:
        return None
    smooth = ndimage.binary_opening(mask)
    mask = smooth | mask if mask.sum() < 150 else smooth
    return mask if mask.sum() >= 4 else None


def _inside(wide: np.ndarray, box: Sequence[float], share: float) -> np.ndarray:
    """The ``share`` of a box where the map is highest; drawn to its middle, so that a flat one is oval."""
    x0, y0, x1, y1 = box
    rows = slice(int(y0 * SIDE), int(np.ceil(y1 * SIDE)))
    columns = slice(int(x0 * SIDE), int(np.ceil(x1 * SIDE)))
    mask, part = np.zeros(wide.shape, bool), wide[rows, columns]
    if part.size:
        ys, xs = np.mgrid[-1 : 1 : part.shape[0] * 1j, -1 : 1 : part.shape[1] * 1j]
        height = part / max(part.max(), 1) - 0.35 * (xs**2 + ys**2)
        mask[rows, columns] = height >= np.quantile(height, 1 - share)
    return mask


def _around(wide: np.ndarray, area: tuple[float, float]) -> np.ndarray:
    """Parts of at least half the map's maximum whose own is near it, within ``area``."""
    peak = wide.max()
    if peak <= 0:
        return np.zeros(wide.shape, bool)
    low, high = (int(a * wide.size) for a in area)
    parts, count = ndimage.label(wide > 0.5 * peak)
    tops = np.atleast_1d(ndimage.maximum(wide, parts, np.arange(1, count + 1)))
    mask = np.isin(parts, 1 + np.flatnonzero(tops > 0.8 * peak))
    if mask.sum() > high:
        return _highest(np.where(mask, wide, 0), high)
    return mask if mask.sum() >= low else _highest(wide, low)


def _highest(wide: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` highest places of a map, fewer where it is dark."""
    mask = np.zeros(wide.size, bool)
    mask[np.argsort(wide, axis=None, kind="stable")[-count:]] = True
    return mask.reshape(wide.shape) & (wide > 0)


def _boxes(boxes: Sequence, boxed: dict[str, tuple[str, ...]]) -> dict[str, list]:
    found: dict[str, list] = {}
    for kind, *corners in boxes:
        for name in ("consolidation",) if kind == RSNA_BOX else boxed[kind]:
            if name in FINDING_NAMES:
                found.setdefault(name, []).append(corners)
    return found


def _enlarged(anatomy: np.ndarray) -> np.ndarray:
    times = SIDE // anatomy.shape[-1]
    return anatomy.repeat(times, 1).repeat(times, 2)
