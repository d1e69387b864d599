"""Where the pleural space bounds the lungs: air and thickening lie on the chest wall, fluid on the base.

Masks are (H, W) bool in the image; y grows downwards.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

#: How soon a fluid's upper edge falls off on its medial side, as a fraction of the image's side.
FALL = 0.05

#: How far from the wall annotated thickening lies at the median, as a fraction of the image's side.
NEAR = 0.008

#: How much larger than drawn fluid may get by filling what lies beneath it.
AMPLE = 1.15

#: A pocket of fluid is smaller than POCKET of the image and ends more than ABOVE of its side above the base:
#: so is every fourth annotated effusion.
POCKET, ABOVE = 0.02, 0.05

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
    """A lesion shifted, its shape kept, until the nearest quarter of it lies within NEAR of the wall.

    ``nearest`` is one of :class:`Walls`' maps.
    """
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return mask
    gaps = (nearest[:, ys, xs] - (ys, xs)).astype(float)
    near = np.argsort(np.hypot(*gaps), kind="stable")[: max(1, len(ys) // 4)]
    gap = gaps[:, near].mean(1)
    excess = 1 - NEAR * len(mask) / max(float(np.hypot(*gap)), 1e-6)
    return np.asarray(ndimage.shift(mask, np.round(gap * max(0.0, excess)), order=0))


def settle(mask: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """Fluid moved to the lateral wall of one ``lung`` and sunk to its base.

    Its upper edge reaches the wall about as high as beside it and falls off, concave, on the other
    side; it is drawn back until the fluid is no more than AMPLE times what it was. A small pocket well
    above the base is encapsulated and stays. The lung is the one on the left of the image: mirror for
    the other.
    """
    fluid, size = mask & lung, len(mask)
    rows = np.flatnonzero(fluid.any(1))
    if not len(rows):
        return mask
    under = fluid.any(0)
    gap = np.median(_last(lung[:, under]) - _last(fluid[:, under]))
    if mask.sum() < POCKET * size**2 and gap > ABOVE * size:
        return fluid
    low = int(rows[int(0.75 * (len(rows) - 1))])
    step = max(0, int(mask[low].argmax()) - int(lung[low].argmax()))
    moved = np.zeros_like(mask)
    moved[:, : size - step] = mask[:, step:]
    columns = np.flatnonzero(moved.any(0))
    first, last = columns[0], columns[-1]
    upper = ndimage.uniform_filter1d(moved.argmax(0)[columns].astype(float), 3)
    bottom = _last(lung).max() + 1

    def below(back: float) -> np.ndarray:
        """The lung under the upper edge, moved back so many pixels to the wall and as many down."""
        at = np.arange(size) + back
        top = np.interp(at, columns, upper)
        fall = 1 - np.exp(-np.maximum(0, at - last) / (FALL * size))
        top += 1.1 * fall * (bottom - top) + 0.25 * np.maximum(0, first - at) + back
        return lung & (np.arange(size)[:, None] >= top)

    ample = AMPLE * mask.sum()
    return below(bisect_left(range(size), -ample, key=lambda back: -float(below(back).sum())))


def _last(mask: np.ndarray) -> np.ndarray:
    """(W,) the lowest row of each column that is set, or -1."""
    return np.where(mask.any(0), len(mask) - 1 - mask[::-1].argmax(0), -1)


def _nearest(inside: np.ndarray) -> np.ndarray:
    """(2, H, W) int: row and column of the nearest pixel that is not ``inside``."""
    return np.asarray(ndimage.distance_transform_edt(inside, return_distances=False, return_indices=True))
