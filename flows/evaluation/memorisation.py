"""Whether generated radiographs lie nearer to training images than unseen real ones do."""

from dataclasses import dataclass

import numpy as np

from filters.experts.embedding import normalise

#: Percentile of held-out real images' distances below which a generated one is suspect.
PERCENTILE = 1.0


@dataclass(frozen=True)
class Nearness:
    """Distances (N,) in [0, 2] to the nearest training image, and which one (N,)."""

    distance: np.ndarray
    nearest: np.ndarray


def nearest(points: np.ndarray, training: np.ndarray) -> Nearness:
    """Cosine distance to the nearest row: ``points`` (N, F) and ``training`` (T, F)."""
    apart = np.clip(1 - normalise(points) @ normalise(training).T, 0, 2)
    which = apart.argmin(1)
    return Nearness(apart[np.arange(len(points)), which], which)


def figures(generated: Nearness, held: Nearness) -> dict[str, float | int]:
    """Share of generated images nearer than the held-out real ones' 1st percentile."""
    limit = float(np.percentile(held.distance, PERCENTILE))
    count = int((generated.distance < limit).sum())
    return {
        "generated": len(generated.distance),
        "held_out": len(held.distance),
        "limit": round(limit, 4),
        "nearer": count,
        "share": round(count / max(1, len(generated.distance)), 4),
        "median_generated": round(float(np.median(generated.distance)), 4),
        "median_held_out": round(float(np.median(held.distance)), 4),
    }


def pixels(images: np.ndarray, side: int = 32) -> np.ndarray:
    """(N, side²) block means of (N, S, S), each image less its mean: cosine is then correlation."""
    step = images.shape[-1] // side
    blocks = images[:, : side * step, : side * step].reshape(len(images), side, step, side, step)
    rows = blocks.mean((2, 4)).reshape(len(images), -1)
    return rows - rows.mean(1, keepdims=True)
