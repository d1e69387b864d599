"""How alike the films of one set are among themselves: the structural similarity of pairs."""

import numpy as np
import torch
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from flows.figures.resampling import Estimate, around, multiplicities

#: Weights of the five scales (Wang et al., 2003), finest first.
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: Pixels a side that five scales need with a window of 11, and four.
FIVE, FOUR = 161, 91
#: Pairs that a figure is the mean of, how many are compared at once, and draws behind its interval.
PAIRS, BATCH, DRAWS = 200, 20, 1000


def ms_ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(K,) multi-scale structural similarity of pairs (K, S, S) uint8, 0 to 1 (the same).

    Of films smaller than FIVE the coarsest scale is left out, and the other weights made to add up to 1;
    smaller than FOUR: ValueError.
    """
    side = a.shape[-1]
    if side < FOUR:
        raise ValueError(f"{side} pixels a side, expected {FOUR} at least")
    scales = SCALES if side >= FIVE else tuple(w / sum(SCALES[:4]) for w in SCALES[:4])
    values = []
    for start in range(0, len(a), BATCH):
        x, y = (torch.from_numpy(z[start : start + BATCH, None].astype(np.float32)) for z in (a, b))
        found = multiscale_structural_similarity_index_measure(
            x, y, data_range=255.0, betas=scales, reduction="none"
        )
        values.append(found.reshape(-1).numpy())
    return np.concatenate(values)


def similarity_within(images: np.ndarray, owners: np.ndarray, seed: int = 0, pairs: int = PAIRS) -> Estimate:
    """Mean MS-SSIM of random pairs of films (N, S, S) uint8 of two ``owners`` (N,); owners are drawn anew.

    A set whose films are all alike, whatever they show, has a higher one than real films have.
    """
    rng = np.random.default_rng(seed)
    first, second = _pairs(owners, pairs, rng)
    values = ms_ssim(images[first], images[second])
    drawn = np.stack([multiplicities(owners, rng) for _ in range(DRAWS)])
    weights = drawn[:, first] * drawn[:, second]
    some = weights.sum(1) > 0
    means = weights[some] @ values / weights[some].sum(1)
    low, high = around(float(values.mean()), means - values.mean(), 0, 1)
    return Estimate(float(values.mean()), low, high, counts={"pairs": len(values)})


def _pairs(owners: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Up to ``count`` different pairs of films of two owners."""
    if len(owners) <= 60:
        first, second = np.triu_indices(len(owners), 1)
    else:
        first, second = rng.integers(len(owners), size=(2, 4 * count))
        first, second = np.unique(np.sort([first, second], 0), axis=1)
    apart = np.flatnonzero(owners[first] != owners[second])
    some = rng.permutation(apart)[:count]
    return first[some], second[some]
