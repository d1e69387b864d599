"""Where the pleural space bounds the lungs: air and thickening lie on the chest wall, fluid on the base.

Masks are (H, W) bool in the image; y grows downwards.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

#: How soon a fluid's upper edge falls off on its medial side, as a fraction of the image's side.
FALL = 0.05

#: Sectors of a lung, seen from its centre, in which a lesion keeps its area when it moves to the wall.
SECTORS = 120


@dataclass(frozen=True)
class Walls:
    """The walls around both lungs, given as one (H, W) bool mask."""

    lungs: np.ndarray

    @cached_property
    def chest(self) -> np.ndarray:
        """(2, H, W) int: row and column of the nearest point outside the lateral and apical wall."""
        return _nearest(np.maximum.accumulate(self._across, 0))

    @cached_property
    def border(self) -> np.ndarray:
        """(2, H, W) int: the same with the diaphragm; the mediastinum is no wall."""
        return _nearest(self._across)

    @cached_property
    def _across(self) -> np.ndarray:
        """Both lungs and what lies between them."""
        from_left = np.maximum.accumulate(self.lungs, 1)
        return from_left & np.maximum.accumulate(self.lungs[:, ::-1], 1)[:, ::-1]


def against(mask: np.ndarray, nearest: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """A lesion pressed against its wall: its area stays, spread over the sectors of the ``lung`` as it was.

    ``nearest`` is one of :class:`Walls`' maps. The edges between sectors are smoothed.
    """
    ys, xs = np.nonzero(lung)
    if not mask.any() or not len(ys):
        return mask
    centre = np.array([ys.mean(), xs.mean()])

    def seen(ys: np.ndarray, xs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sector (a float) of each pixel's wall point, and its distance from the wall."""
        wall = nearest[:, ys, xs]
        angle = np.arctan2(wall[0] - centre[0], wall[1] - centre[1])
        return (angle / (2 * np.pi) + 0.5) * SECTORS, np.hypot(wall[0] - ys, wall[1] - xs)

    here, depth = seen(ys, xs)
    sector = here.astype(int) % SECTORS
    counts = np.bincount(seen(*np.nonzero(mask))[0].astype(int) % SECTORS, minlength=SECTORS)
    wanted = ndimage.gaussian_filter1d(counts.astype(float), 1.0, mode="wrap")
    limit = np.zeros(SECTORS)
    for k in np.flatnonzero(wanted > 0.5):
        depths = np.sort(depth[sector == k])
        if len(depths):
            limit[k] = depths[min(len(depths) - 1, round(wanted[k]))]
    limit = ndimage.gaussian_filter1d(limit, 3.5, mode="wrap")
    reach = np.interp(here, np.arange(SECTORS) + 0.5, limit, period=SECTORS)
    kept = np.argsort(depth / np.maximum(reach, 1e-6), kind="stable")[: mask.sum()]
    out = np.zeros_like(mask)
    out[ys[kept], xs[kept]] = True
    return out


def beside(mask: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """A lesion shifted, its shape kept, until the nearest quarter of it lies on the wall.

    ``nearest`` is one of :class:`Walls`' maps.
    """
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return mask
    gaps = (nearest[:, ys, xs] - (ys, xs)).astype(float)
    near = np.argsort(np.hypot(*gaps), kind="stable")[: max(1, len(ys) // 4)]
    return np.asarray(ndimage.shift(mask, np.round(gaps[:, near].mean(1)), order=0))


def settle(mask: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """Fluid moved to the lateral wall of one ``lung`` and sunk to its base.

    Its upper edge reaches the wall about as high as beside it and falls off, concave, on the other
    side. The lung is the one on the left of the image: mirror for the other.
    """
    rows = np.flatnonzero((mask & lung).any(1))
    if not len(rows):
        return mask
    low = int(rows[int(0.75 * (len(rows) - 1))])
    step = max(0, int(mask[low].argmax()) - int(lung[low].argmax()))
    moved = np.zeros_like(mask)
    moved[:, : mask.shape[1] - step] = mask[:, step:]
    columns = np.flatnonzero(moved.any(0))
    first, last = columns[0], columns[-1]
    at = np.arange(mask.shape[1])
    top = np.interp(at, columns, ndimage.uniform_filter1d(moved.argmax(0)[columns].astype(float), 3))
    bottom = np.flatnonzero(lung.any(1))[-1] + 1
    fall = 1 - np.exp(-np.maximum(0, at - last) / (FALL * len(mask)))
    top += 1.1 * fall * (bottom - top) + 0.25 * np.maximum(0, first - at)
    return lung & (np.arange(len(mask))[:, None] >= top)


def _nearest(inside: np.ndarray) -> np.ndarray:
    """(2, H, W) int: row and column of the nearest pixel that is not ``inside``."""
    return np.asarray(ndimage.distance_transform_edt(inside, return_distances=False, return_indices=True))
