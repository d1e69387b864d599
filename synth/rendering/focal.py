"""Focal findings: balls, specks and scattered grains."""

import numpy as np
from scipy import ndimage

from synth.rendering.scene import Scene, attenuate, cloud, radius, soft


def nodule(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A solid ball: thickness is the chord through it, a crisp but not hard edge."""
    size = np.clip(radius(mask) / (3 * scene.scale), 0.75, 1.5)
    uneven = np.clip(1 + 0.12 * cloud(mask.shape, 0.5 * scene.scale, rng), 0.6, 1.4)
    ball = soft(_chord(mask), 0.3 * scene.scale)
    return attenuate(scene.image, 0.65 * scene.tissue * strength * size * ball * uneven)


def mass(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A solid lump over 3 cm: as dense as the heart, some with spicules."""
    s = scene.scale
    body = soft(_chord(mask) ** 0.7, 0.45 * s)
    uneven = np.clip(1 + 0.1 * cloud(mask.shape, s, rng), 0.7, 1.3)
    thickness = body * uneven
    if rng.random() < 0.5:
        thickness = np.maximum(thickness, 0.6 * _spicules(mask, s, rng))
    return attenuate(scene.image, 0.95 * scene.tissue * strength * thickness)


def calcification(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lime: denser than bone, sharp-edged, clumped into specks where the mask is large."""
    s = scene.scale
    body = mask.astype(np.float32)
    if radius(mask) > 1.2 * s:
        body *= np.clip(0.35 + 0.5 * cloud(mask.shape, 0.45 * s, rng, octaves=2), 0, 1)
    specks = soft(body, 0.22 * s)
    return attenuate(scene.image, 1.1 * scene.tissue * strength * specks)


def diffuse_nodule(scene: Scene, mask: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Many small nodules strewn over a region, unlike in size, summed where they overlap."""
    s = scene.scale
    inside = np.argwhere(mask)
    thickness = np.zeros(mask.shape, np.float32)
    density = rng.uniform(0.05, 0.11) / s**2
    for size in rng.uniform(0.6, 1.3, 3) * s:
        grains = np.zeros(mask.shape, np.float32)
        count = max(2, round(density * len(inside) / 3))
        rows = inside[rng.integers(len(inside), size=count)]
        np.add.at(grains, (rows[:, 0], rows[:, 1]), rng.uniform(0.3, 1.0, count).astype(np.float32))
        thickness += ndimage.gaussian_filter(grains, 0.6 * size) * 2 * np.pi * (0.6 * size) ** 2
    haze = 0.08 * soft(mask, 1.5 * s)
    return attenuate(scene.image, scene.tissue * strength * (0.35 * np.clip(thickness, 0, 2) + haze))


def _chord(mask: np.ndarray) -> np.ndarray:
    """Relative length in [0, 1] of the way through a ball that fills the mask."""
    inner = ndimage.distance_transform_edt(mask)
    return np.sqrt(np.clip(1 - (1 - inner / radius(mask)) ** 2, 0, 1))


def _spicules(mask: np.ndarray, s: float, rng: np.random.Generator) -> np.ndarray:
    """Rays from the lump's centre that fade out just beyond its edge, in [0, 1]."""
    cy, cx = ndimage.center_of_mass(mask)
    ys, xs = np.mgrid[: mask.shape[0], : mask.shape[1]]
    angle = np.arctan2(ys - cy, xs - cx)
    rays = sum(np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in rng.integers(7, 16, 3))
    beyond = ndimage.distance_transform_edt(~mask)
    return np.clip(rays / 1.5, 0, 1) ** 2 * np.exp(-beyond / (1.0 * s)) * (beyond > 0)
