"""Small real lesions, of which few are boxed, shown at other places: cut from one film, added to another.

After Ghiasi et al. (2021), who paste objects; here what a lesion adds to its surroundings is added.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from flows.material.films import RealFilms

#: Kinds of box that are grafted: NIH's name and the finding.
GRAFTED: Final = {"Nodule": "nodule", "Mass": "mass"}
#: Where centres fall: x of either lung and y, in [0, 1] of the film.
LUNGS, HEIGHTS = ((0.16, 0.40), (0.60, 0.84)), (0.2, 0.72)
#: How far around its box a lesion is cut, in halves of the box's side.
AROUND: Final = 1.5


@dataclass(frozen=True)
class Graft:
    """What a lesion adds, (h, w) float32 in grey levels, fading to 0 at its edges, and of which finding."""

    adds: np.ndarray
    finding: str


def cut(films: RealFilms) -> list[Graft]:
    """Every boxed lesion of GRAFTED kinds, less a plane through what surrounds it."""
    out = []
    for image, boxes in zip(films.images, films.boxes, strict=True):
        for name, *box in boxes:
            if name in GRAFTED and (adds := _residual(image.astype(np.float32), box)) is not None:
                out.append(Graft(adds, GRAFTED[name]))
    return out


def _residual(image: np.ndarray, box: list[float]) -> np.ndarray | None:
    side = image.shape[0]
    x0, y0, x1, y1 = (v * side for v in box)
    middle_x, middle_y, half_x, half_y = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    top, left = int(middle_y - AROUND * half_y), int(middle_x - AROUND * half_x)
    bottom, right = int(middle_y + AROUND * half_y) + 1, int(middle_x + AROUND * half_x) + 1
    if min(top, left) < 0 or max(bottom, right) > side or min(bottom - top, right - left) < 6:
        return None
    patch = image[top:bottom, left:right]
    y, x = np.mgrid[top:bottom, left:right]
    far = np.hypot((x - middle_x) / half_x, (y - middle_y) / half_y)
    ring = far > 1.1
    terms = np.stack([np.ones_like(far), x - middle_x, y - middle_y], -1)
    plane, *_ = np.linalg.lstsq(terms[ring], patch[ring], rcond=None)
    window = np.clip((AROUND - far) / (AROUND - 0.9), 0, 1)
    return ((patch - terms @ plane) * window).astype(np.float32)


def graft(
    image: np.ndarray, lesion: Graft, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """A film (S, S) uint8 with the lesion somewhere in a lung, turned and resized; and its box in [0, 1]."""
    side = image.shape[0]
    adds = np.rot90(lesion.adds, int(rng.integers(4)))
    adds = ndimage.zoom(adds, float(rng.uniform(0.75, 1.25)), order=1) * rng.uniform(0.8, 1.25)
    h, w = (min(n, side // 2) for n in adds.shape)
    adds = adds[:h, :w]
    x = rng.uniform(*LUNGS[int(rng.integers(2))])
    y = rng.uniform(*HEIGHTS)
    top = int(np.clip(y * side - h / 2, 0, side - h))
    left = int(np.clip(x * side - w / 2, 0, side - w))
    out = image.astype(np.float32)
    out[top : top + h, left : left + w] += adds
    middle, half = np.array((left + w / 2, top + h / 2)), np.array((w, h)) / 2 / AROUND
    x0, y0, x1, y1 = (float(v) for v in (*(middle - half) / side, *(middle + half) / side))
    return np.rint(out.clip(0, 255)).astype(np.uint8), (x0, y0, x1, y1)
