"""Findings of the bones: a broken rib."""

import numpy as np
from scipy import ndimage
from skimage.feature import structure_tensor

from synth.rendering.scene import Scene, soft

#: How much brighter than its surroundings a rib is, for what two blurred films differ by on it; and the least
#: of it that a fracture is drawn with, of full brightness.
RISE, FAINT = 2.0, 0.08


def fracture(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A broken rib: a cleft across it as dark as what lies beside the rib, a step between the ends, some with
    callus around.

    The rib is the strongest bright ridge inside the mask; where none is, as if there were a faint one.
    """
    s = scene.scale
    ridge = ndimage.gaussian_filter(scene.image, 0.7 * s) - ndimage.gaussian_filter(scene.image, 2.2 * s)
    (cy, cx), angle = _rib(ridge, mask, s)
    ys, xs = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    along = (xs - cx) * np.cos(angle) + (ys - cy) * np.sin(angle)
    across = -(xs - cx) * np.sin(angle) + (ys - cy) * np.cos(angle)
    window = soft(ndimage.binary_dilation(mask, iterations=max(1, int(0.5 * s))), 0.6 * s)
    reach = np.exp(-((along / (4 * s)) ** 2) - (across / (2.5 * s)) ** 2) * window
    step = rng.choice((-1, 1)) * rng.uniform(0.8, 1.8) * s * strength
    shift = step * reach * (along > 0)
    at = np.stack([ys - shift * np.cos(angle), xs + shift * np.sin(angle)])
    image = ndimage.map_coordinates(scene.image, at, order=1, mode="nearest")
    slant = along + rng.uniform(-0.5, 0.5) * across
    cleft = np.exp(-((slant / (0.45 * s)) ** 2) - (across / (1.6 * s)) ** 4) * window
    rise = max(FAINT, RISE * float(ridge[int(cy), int(cx)]))
    image = image - rise * min(1, strength) * cleft
    if rng.random() < 0.6:
        callus = np.exp(-((along / (1.6 * s)) ** 2) - (across / (1.5 * s)) ** 2) * (1 - cleft) * window
        image = image + 0.8 * rise * strength * callus
    return np.clip(image, 0, 1)


def _rib(ridge: np.ndarray, mask: np.ndarray, s: float) -> tuple[tuple[float, float], float]:
    """Where in the mask a rib is brightest, (row, column), and the rib's angle against x."""
    inner = ndimage.distance_transform_edt(mask)
    middle = inner >= 0.5 * inner.max()
    cy, cx = np.unravel_index(np.argmax(np.where(middle, ridge, -np.inf)), mask.shape)
    rr, rc, cc = (t[cy, cx] for t in structure_tensor(ridge, sigma=1.5 * s, order="rc"))
    return (float(cy), float(cx)), float(0.5 * np.arctan2(2 * rc, cc - rr) + np.pi / 2)
