"""The enlarged heart: the film is stretched, nothing is painted."""

import numpy as np
from scipy import ndimage

from synth.rendering.scene import Scene


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
