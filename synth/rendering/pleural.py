"""Findings of the pleural space: fluid, air and thickening along the chest wall."""

import numpy as np
from scipy import ndimage

from synth.rendering.scene import Scene, attenuate, cloud, own_lung, soft, veil


def effusion(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Fluid that settles: even and dense below, a concave upper edge that climbs the chest wall.

    It is as dense as the tissue below the diaphragm, whose border is lost under it.
    """
    s = scene.scale
    body = soft(_settled(mask, scene.lungs), rng.uniform(0.6, 1.2) * s)
    ys = np.flatnonzero(mask.any(1))
    depth = np.clip((np.arange(len(mask)) - ys[0]) / max(1, np.ptp(ys)), 0, 1)[:, None]
    drowned = veil(scene.image, body, 1.2 * s, 0.65)  # vessels drown, ribs stay faintly
    return attenuate(drowned, 0.95 * scene.tissue * strength * body * (0.5 + 0.7 * depth))


def pneumothorax(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Air beside the lung: no vessels, darker, a thin visceral pleural line, the lung a little denser.

    Air is as dark in a small pneumothorax as in a large one; only the lung's collapse has degrees.
    """
    s = scene.scale
    air = soft(mask, 0.35 * s)
    bare = scene.image + 0.9 * air * (_mean_within(scene.image, mask, 1.8 * s) - scene.image)
    dark = attenuate(bare, -rng.uniform(0.25, 0.38) * scene.tissue * air)
    lung = own_lung(scene, mask)
    inside = ndimage.binary_erosion(lung, iterations=max(1, int(1.2 * s)))
    line = soft(ndimage.binary_dilation(mask) & ~mask & inside, 0.28 * s)
    line /= max(float(line.max()), 1e-6)
    collapse = soft(lung & ~mask, s) * (1 - air)
    thickness = rng.uniform(0.3, 0.5) * line + rng.uniform(0.05, 0.16) * strength * collapse
    return np.clip(attenuate(dark, thickness), 0, 1)


def pleural_thickening(
    scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """A rind of fibrous tissue: densest where the beam runs along the wall, smooth towards the lung."""
    s = scene.scale
    depth = ndimage.distance_transform_edt(scene.lungs) / (2.5 * s)
    towards_wall = np.clip(1.15 - 0.5 * depth, 0.45, 1.15)
    uneven = np.clip(1 + 0.15 * cloud(mask.shape, 1.2 * s, rng), 0.6, 1.4)
    body = soft(mask, 0.5 * s)
    rind = veil(scene.image, body, 0.8 * s, 0.4)
    return attenuate(rind, 0.75 * scene.tissue * strength * body * towards_wall * uneven)


def _mean_within(image: np.ndarray, mask: np.ndarray, width: float) -> np.ndarray:
    """The image blurred by what lies inside the mask alone, so that no wall shines in; 0 far from it."""
    weight = soft(mask, width)
    return ndimage.gaussian_filter(np.where(mask, image, 0), width) / np.maximum(weight, 1e-3)


def _settled(mask: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """The mask with everything of the lung under it: fluid leaves no air below."""
    below = np.maximum.accumulate(mask, axis=0) & ndimage.binary_dilation(lungs, iterations=2)
    return mask | below
