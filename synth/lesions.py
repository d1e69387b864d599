"""Lesions drawn into real radiographs: attenuation is added where X-rays would lose it.

Brightness x in [0, 1] stands for attenuation on film, so 1 - x for what was transmitted; a lesion of
optical thickness τ leaves (1 - x)·exp(-τ) of it (Beer-Lambert). τ below 0 is air for tissue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synth.cases import Lesion
from synth.findings import Severity

#: How strongly each severity attenuates, as a range that a draw is taken from.
STRENGTH: dict[Severity, tuple[float, float]] = {
    "mild": (0.55, 0.75),
    "moderate": (0.75, 1.0),
    "severe": (1.0, 1.3),
}


@dataclass(frozen=True)
class Scene:
    """A real radiograph that lesions are drawn into.

    ``image`` (H, W) float in [0, 1]; ``anatomy`` (5, H, W) bool.
    """

    image: np.ndarray
    anatomy: np.ndarray

    @property
    def lungs(self) -> np.ndarray:
        """(H, W) bool."""
        return self.anatomy[0] | self.anatomy[1]

    @property
    def scale(self) -> float:
        """Pixels in a hundredth of the image's side."""
        return self.image.shape[0] / 100


Renderer = Callable[[Scene, np.ndarray, float, np.random.Generator], np.ndarray]


def attenuate(image: np.ndarray, thickness: np.ndarray) -> np.ndarray:
    """Beer-Lambert: add optical ``thickness`` (H, W) to an image in [0, 1]."""
    return 1 - (1 - image) * np.exp(-thickness)


def soft(mask: np.ndarray, width: float) -> np.ndarray:
    """A bool mask as (H, W) float in [0, 1] with an edge of about ``width`` pixels."""
    return ndimage.gaussian_filter(mask.astype(np.float32), width)


def cloud(shape: tuple[int, int], finest: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random texture, zero mean and unit variance, with power at several scales."""
    total = np.zeros(shape, np.float32)
    for octave in range(4):
        noise = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), finest * 2**octave)
        total += noise / (noise.std() + 1e-6) * 1.4**octave
    return total / total.std()


def consolidation(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Airspace filled with fluid: fluffy edge, patchy density, darker branching airways."""
    s = scene.scale
    edge = soft(mask, rng.uniform(1.2, 2.4) * s)
    patchy = np.clip(1 + rng.uniform(0.15, 0.4) * cloud(mask.shape, 0.9 * s, rng), 0.15, 1.8)
    ridges = np.abs(cloud(mask.shape, 1.2 * s, rng))
    airways = 1 - rng.uniform(0.1, 0.45) * np.exp(-((ridges / 0.12) ** 2))
    return attenuate(scene.image, 0.75 * strength * edge * patchy * airways)


def effusion(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Fluid that settles: even and dense below, a concave upper edge that climbs the chest wall."""
    s = scene.scale
    body = soft(_meniscus(mask, scene.lungs), rng.uniform(0.6, 1.2) * s)
    ys = np.flatnonzero(mask.any(1))
    depth = np.clip((np.arange(len(mask)) - ys[0]) / max(1, np.ptp(ys)), 0, 1)[:, None]
    thickness = strength * body * (0.55 + 0.75 * depth)
    flat = ndimage.gaussian_filter(scene.image, 1.2 * s)  # vessels drown, ribs stay faintly
    veiled = scene.image + 0.6 * np.clip(body, 0, 1) * (flat - scene.image)
    return attenuate(veiled, thickness)


def nodule(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A solid ball: thickness is the chord through it, a crisp but not hard edge."""
    inner = ndimage.distance_transform_edt(mask)
    radius = max(1.0, float(inner.max()))
    chord = np.sqrt(np.clip(1 - (1 - inner / radius) ** 2, 0, 1))
    uneven = np.clip(1 + 0.12 * cloud(mask.shape, 0.5 * scene.scale, rng), 0.6, 1.4)
    size = np.clip(radius / (3 * scene.scale), 0.7, 1.5)
    return attenuate(scene.image, 0.6 * strength * size * soft(chord, 0.3 * scene.scale) * uneven)


def pneumothorax(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Air beside the lung: no vessels, darker, a thin visceral pleural line, the lung a little denser."""
    s = scene.scale
    air = soft(mask, 0.35 * s)
    smooth = ndimage.gaussian_filter(scene.image, 1.6 * s)
    bare = scene.image + air * 0.75 * (smooth - scene.image)
    dark = attenuate(bare, -rng.uniform(0.10, 0.2) * strength * air)
    inside = ndimage.binary_erosion(scene.lungs, iterations=max(1, int(1.2 * s)))
    line = ndimage.binary_dilation(mask) & ~mask & inside
    pleura = ndimage.gaussian_filter(line.astype(np.float32), 0.28 * s)
    pleura /= max(float(pleura.max()), 1e-6)
    same_side = _side_of(scene, mask) & ~mask
    collapse = soft(same_side, s) * (1 - air)
    thickness = rng.uniform(0.16, 0.3) * strength * pleura + rng.uniform(0.04, 0.14) * strength * collapse
    return np.clip(attenuate(dark, thickness), 0, 1)


RENDERERS: dict[str, Renderer] = {
    "consolidation": consolidation,
    "effusion": effusion,
    "nodule": nodule,
    "pneumothorax": pneumothorax,
}

#: Findings that can be drawn into a real radiograph; the heart is enlarged by :func:`enlarge_heart`.
DRAWN = ("cardiomegaly", *RENDERERS)


def draw(scene: Scene, lesions: Sequence[Lesion], severity: Severity, rng: np.random.Generator) -> np.ndarray:
    """The radiograph with all lesions in it, (H, W) float in [0, 1]; masks as given.

    Raises ValueError for a finding that is not in RENDERERS.
    """
    for lesion in lesions:
        if lesion.finding not in RENDERERS:
            raise ValueError(f"finding: {lesion.finding!r}, expected one of {', '.join(RENDERERS)}")
        strength = rng.uniform(*STRENGTH[severity])
        image = RENDERERS[lesion.finding](scene, lesion.mask, strength, rng)
        scene = Scene(np.clip(image, 0, 1).astype(np.float32), scene.anatomy)
    return scene.image


def enlarge_heart(scene: Scene, ratio: float) -> Scene:
    """Stretch the heart sideways to a cardiothoracic ``ratio``; lungs between it and the wall shrink.

    Each row is resampled by a monotone map that keeps the chest wall where it is. The heart grows
    twice as far to the patient's left as to the right. The heart's mask moves along.
    """
    heart, lungs = scene.anatomy[2], scene.lungs
    if not heart.any() or not lungs.any():
        raise ValueError("anatomy: no heart or lungs, expected both to enlarge a heart")
    h, w = heart.shape
    columns = np.flatnonzero(heart.any(0))
    wall = np.flatnonzero(lungs.any(0))
    left, right = float(columns[0]), float(columns[-1])
    growth = ratio * (wall[-1] - wall[0] + 1) - (right - left + 1)
    rows = np.flatnonzero(heart.any(1))
    centre, half = rows.mean() + 0.1 * len(rows), max(1.0, 0.62 * len(rows))
    amount = np.exp(-(((np.arange(h) - centre) / half) ** 4))
    grid = np.arange(w, dtype=float)
    source = np.empty((h, w))
    for y in range(h):
        span = np.flatnonzero(lungs[y])
        a = min(float(span[0]), left - 6) if len(span) else wall[0]
        b = max(float(span[-1]), right + 6) if len(span) else wall[-1]
        new_left = max(left - growth / 3 * amount[y], a + 0.25 * (left - a))
        new_right = min(right + growth * 2 / 3 * amount[y], b - 0.25 * (b - right))
        middle = (left + right) / 2
        source[y] = np.interp(
            grid, [0, a, new_left, middle, new_right, b, w], [0, a, left, middle, right, b, w]
        )
    source = ndimage.gaussian_filter(source - grid, scene.scale, mode="nearest") + grid
    at = np.stack([np.broadcast_to(np.arange(h)[:, None], (h, w)), source])
    image = ndimage.map_coordinates(scene.image, at, order=1, mode="nearest")
    anatomy = scene.anatomy.copy()
    anatomy[2] = ndimage.map_coordinates(heart.astype(np.float32), at, order=1) > 0.5
    return Scene(image.astype(np.float32), anatomy)


def _meniscus(mask: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """The mask with everything of the lung under it: fluid leaves no air below."""
    below = np.maximum.accumulate(mask, axis=0) & ndimage.binary_dilation(lungs, iterations=2)
    return mask | below


def _side_of(scene: Scene, mask: np.ndarray) -> np.ndarray:
    """The lung that a mask lies in."""
    right, left = scene.anatomy[0], scene.anatomy[1]
    return right if (mask & right).sum() >= (mask & left).sum() else left
