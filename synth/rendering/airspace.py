"""Findings of the lung's tissue: filled, collapsed, scarred or destroyed."""

import numpy as np
from scipy import ndimage

from synth.rendering.scene import Scene, attenuate, cloud, long_axis, own_lung, radius, ridges, soft, veil


def consolidation(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Airspace filled with fluid: fluffy edge, patchy density, darker branching airways.

    Full strength is as dense as the heart, so that a border they share is lost (silhouette sign).
    """
    s = scene.scale
    edge = soft(mask, rng.uniform(1.4, 2.8) * s)
    patchy = np.clip(1 + rng.uniform(0.12, 0.3) * cloud(mask.shape, 0.6 * s, rng), 0.2, 1.7)
    airways = 1 - rng.uniform(0.1, 0.45) * ridges(cloud(mask.shape, 1.2 * s, rng), 0.12)
    filled = veil(scene.image, edge, 1.0 * s, 0.5)
    return attenuate(filled, 0.85 * scene.tissue * strength * edge * patchy * airways)


def atelectasis(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Airless lung that lost volume: what surrounds it is drawn in, no airways, streaks along it.

    A mask much longer than wide is a plate: crisp edges and one or two dense lines.
    """
    s = scene.scale
    angle, elongation = long_axis(mask)
    image = _draw_in(scene, mask, rng.uniform(0.6, 1.4) * s)
    streaks = ndimage.rotate(
        cloud(mask.shape, 0.45 * s, rng, octaves=3, stretch=5), -np.degrees(angle), reshape=False, mode="wrap"
    )
    plate = elongation > 2.2
    edge = soft(mask, (0.5 if plate else rng.uniform(0.8, 1.4)) * s)
    lines = 1 + (0.45 if plate else 0.25) * np.clip(streaks, -1.5, 1.5)
    collapsed = veil(image, edge, 0.8 * s, 0.4)
    return attenuate(collapsed, 0.58 * scene.tissue * strength * edge * lines)


def fibrosis(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Scars: a net of strands and knots, a little haze, traction inwards."""
    s = scene.scale
    edge = soft(mask, min(1.2 * s, 0.5 * radius(mask)))
    image = _draw_in(scene, mask, rng.uniform(0.2, 0.7) * s)
    strands = ridges(cloud(mask.shape, rng.uniform(0.45, 0.7) * s, rng, octaves=3), 0.4)
    knots = np.clip(cloud(mask.shape, rng.uniform(0.35, 0.6) * s, rng, octaves=2), 0, 1.6)
    uneven = np.clip(1 + 0.3 * cloud(mask.shape, 2 * s, rng, octaves=2), 0.5, 1.6)
    net = 0.4 * strands + 0.3 * knots + 0.35
    return attenuate(image, 0.5 * scene.tissue * strength * edge * net * uneven)


def emphysema(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Destroyed lung holds more air: darker, few and thin vessels, bullae with hairline walls."""
    s = scene.scale
    aerated = mask & scene.lungs & ~scene.anatomy[2]
    edge = soft(aerated, 1.5 * s)
    image = veil(scene.image, edge, 1.4 * s, 0.6)
    image = attenuate(image, -0.16 * strength * scene.tissue * edge)
    walls = np.zeros(mask.shape, np.float32)
    inside = np.argwhere(aerated)
    for _ in range(rng.integers(0, 4) if len(inside) else 0):
        cy, cx = inside[rng.integers(len(inside))]
        size, squeeze = rng.uniform(2, 5.5) * s, rng.uniform(0.7, 1.4)
        ys, xs = np.ogrid[: mask.shape[0], : mask.shape[1]]
        distance = np.hypot((xs - cx) * squeeze, ys - cy)
        image = attenuate(image, -0.05 * strength * soft((distance < size) & aerated, 0.5 * s))
        arc = np.cos(np.arctan2(ys - cy, xs - cx) - rng.uniform(0, 2 * np.pi)) > -0.3
        walls = np.maximum(walls, np.exp(-(((distance - size) / (0.3 * s)) ** 2)) * arc)
    return np.clip(attenuate(image, 0.12 * strength * walls * edge), 0, 1)


def _draw_in(scene: Scene, mask: np.ndarray, reach: float) -> np.ndarray:
    """The image with the lung around a mask pulled up to ``reach`` pixels towards it; walls stay."""
    lung = own_lung(scene, mask)
    free = np.clip(ndimage.distance_transform_edt(lung) / (4 * scene.scale), 0, 1)
    height = ndimage.gaussian_filter(mask.astype(np.float32), 3 * scene.scale)
    dy, dx = np.gradient(height)
    steepest = max(float(np.hypot(dy, dx).max()), 1e-9)
    ys, xs = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    at = np.stack([ys - reach * free * dy / steepest, xs - reach * free * dx / steepest])
    return ndimage.map_coordinates(scene.image, at, order=1, mode="nearest")
