"""How alike two sets of radiographs are, as sets of points (N, D).

Few held-out images make every such figure depend on the sample's size, so all samples of one figure
have the same, and each is a mean over random draws.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from flows.figures.distances import Products, frechet, neighbourhoods
from flows.figures.ranking import auroc
from flows.figures.reliability import fold_of

#: Random draws behind each figure; a Fréchet distance of so few images hangs on where the odd ones fall.
DRAWS, FRECHET_DRAWS = 50, 5000


@dataclass(frozen=True)
class Clouds:
    """Points of ``generated`` (M, D) and ``real`` (N, D) images, whose ``patients`` (N,) are told."""

    generated: np.ndarray
    real: np.ndarray
    patients: np.ndarray


def two_sample_auc(a: np.ndarray, b: np.ndarray, groups: np.ndarray, folds: int = 5) -> float:
    """AUROC of a logistic regression that tells ``b`` from ``a``, cross-validated: 0.5 when it cannot.

    Classifier two-sample test (Lopez-Paz & Oquab, 2017); ``groups`` (len(a) + len(b),) stay in one fold.
    """
    return auroc(two_sample_scores(a, b, groups, folds), np.repeat([False, True], [len(a), len(b)]))


def two_sample_scores(a: np.ndarray, b: np.ndarray, groups: np.ndarray, folds: int = 5) -> np.ndarray:
    """(len(a) + len(b),) that :func:`two_sample_auc` is of, each film's by a regression that never saw its
    group."""
    x, y = np.concatenate([a, b]), np.repeat([False, True], [len(a), len(b)])
    fold, scores = fold_of(groups, folds), np.empty(len(x))
    for k in range(folds):
        taught = fold != k
        mean, deviation = x[taught].mean(0), x[taught].std(0) + 1e-9
        weights = _logistic((x[taught] - mean) / deviation, y[taught])
        scores[~taught] = (x[~taught] - mean) / deviation @ weights[1:] + weights[0]
    return scores


def fidelity(clouds: Clouds, seed: int = 0) -> dict[str, float | int]:
    """All figures of one space.

    Fréchet distances are between samples of half the real images: two halves of the real ones (by
    patient; the same ones whatever is held against them) and a generated sample against one half. Density,
    coverage and the two-sample test take as many generated as real images, all held-out ones if there are
    that many.
    """
    rng, other = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    half, equal = len(clouds.real) // 2, min(len(clouds.real), len(clouds.generated))
    half = min(half, len(clouds.generated))
    among, against = [], []
    for _ in range(FRECHET_DRAWS):
        a, b = (clouds.real[side] for side in halves(clouds.patients, rng))
        n = min(half, len(a), len(b))
        a, b = (rng.permutation(side)[:n] for side in (a, b))
        among.append(frechet(a, b))
        against.append(frechet(a, other.permutation(clouds.generated)[:n]))
    near = np.mean([_near(clouds, equal, rng) for _ in range(DRAWS)], 0)
    floor = np.mean([_near_halves(clouds, rng) for _ in range(DRAWS)], 0)
    told = [_told_apart(clouds, equal, rng) for _ in range(DRAWS // 10)]
    return {
        "dimensions": clouds.real.shape[1],
        "frechet_sample": half,
        "frechet_halves_of_real": round(float(np.mean(among)), 4),
        "frechet_generated": round(float(np.mean(against)), 4),
        "frechet_ratio": round(float(np.mean(against) / np.mean(among)), 3),
        "sample": equal,
        "density": round(float(near[0]), 3),
        "coverage": round(float(near[1]), 3),
        "density_halves_of_real": round(float(floor[0]), 3),
        "coverage_halves_of_real": round(float(floor[1]), 3),
        "two_sample_auc": round(float(np.mean(told)), 3),
    }


def halves(patients: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of two halves that share no patient, as equal in size as patients allow."""
    names, counts = np.unique(patients, return_counts=True)
    order = rng.permutation(len(names))
    first = names[order[np.cumsum(counts[order]) <= len(patients) // 2]]
    side = np.isin(patients, first)
    return np.flatnonzero(side), np.flatnonzero(~side)


def _near(clouds: Clouds, count: int, rng: np.random.Generator) -> tuple[float, float]:
    real, generated = (rng.permutation(x)[:count] for x in (clouds.real, clouds.generated))
    return _density_and_coverage(real, generated)


def _near_halves(clouds: Clouds, rng: np.random.Generator) -> tuple[float, float]:
    a, b = (clouds.real[side] for side in halves(clouds.patients, rng))
    n = min(len(a), len(b))
    return _density_and_coverage(rng.permutation(a)[:n], rng.permutation(b)[:n])


def _density_and_coverage(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    found = neighbourhoods(Products.of(real, generated))
    return found.density, found.coverage


def _told_apart(clouds: Clouds, count: int, rng: np.random.Generator) -> float:
    some = rng.permutation(len(clouds.real))[:count]
    generated = rng.permutation(clouds.generated)[:count]
    groups = np.concatenate([clouds.patients[some].astype(str), [f"generated {i}" for i in range(count)]])
    return two_sample_auc(clouds.real[some], generated, groups)


def _logistic(x: np.ndarray, y: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """(D + 1,) intercept and weights of an L2-penalised logistic regression."""

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ w[1:] + w[0]
        error = expit(z) - y
        value = np.logaddexp(0, np.where(y, -z, z)).sum() + ridge / 2 * (w[1:] ** 2).sum()
        return float(value), np.concatenate([[error.sum()], error @ x + ridge * w[1:]])

    start = np.zeros(x.shape[1] + 1)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)
