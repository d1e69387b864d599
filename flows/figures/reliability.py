"""Whether probabilities mean what they say: expected calibration error on few images.

On n images in B bins even a perfectly calibrated model shows an error, that of B rates estimated from
n / B images each. So three figures are given: the plug-in error, the same less what its own sampling
noise adds (Kumar et al., 2019), and what a calibrated model with these probabilities would show.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from flows.figures.ranking import auroc

BINS = 10
#: Draws behind each expectation.
DRAWS = 2000


@dataclass(frozen=True)
class Reliability:
    """A reliability curve over bins of equal mass: each (B,); ``said`` and ``seen`` in [0, 1]."""

    said: np.ndarray
    seen: np.ndarray
    count: np.ndarray


def reliability(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> Reliability:
    """Mean probability (N,) and rate of truth (N,) bool in ``bins`` bins of equal size, low to high."""
    parts = np.array_split(np.argsort(probabilities, kind="stable"), bins)
    return Reliability(
        np.array([probabilities[p].mean() for p in parts]),
        np.array([truth[p].mean() for p in parts]),
        np.array([len(p) for p in parts]),
    )


def plug_in(curve: Reliability) -> float:
    """Mean absolute gap between said and seen, bins weighed by their size (Naeini et al., 2015)."""
    return float(np.average(np.abs(curve.said - curve.seen), weights=curve.count))


def debiased(curve: Reliability, seed: int = 0) -> float:
    """The plug-in error less its bias, 0 at least: Kumar et al. (2019), in the form of their library.

    The bias is how much the error grows when each bin's rate is drawn anew with its own sampling noise.
    Near perfect calibration this takes off about a third of that noise; the L2 form, before 0, all of it.
    """
    rng = np.random.default_rng(seed)
    noise = np.sqrt(curve.seen * (1 - curve.seen) / np.maximum(curve.count - 1, 1))
    drawn = curve.seen + noise * rng.standard_normal((DRAWS, len(noise)))
    again = np.average(np.abs(curve.said - drawn), axis=1, weights=curve.count)
    return max(0.0, 2 * plug_in(curve) - float(again.mean()))


def debiased_l2(curve: Reliability) -> float:
    """Root of the unbiased squared error, 0 at least: Kumar et al. (2019), Definition 5.1."""
    variance = curve.seen * (1 - curve.seen) / np.maximum(curve.count - 1, 1)
    squared = np.average((curve.said - curve.seen) ** 2 - variance, weights=curve.count)
    return float(np.sqrt(max(0.0, squared)))


def calibrated_would_show(probabilities: np.ndarray, bins: int = BINS, seed: int = 0) -> np.ndarray:
    """(DRAWS,) plug-in errors where truth is drawn from the probabilities (N,) themselves."""
    rng = np.random.default_rng(seed)
    truths = (rng.random(len(probabilities)) < probabilities for _ in range(DRAWS))
    return np.array([plug_in(reliability(probabilities, truth, bins)) for truth in truths])


def cross_fitted(
    probabilities: np.ndarray, truth: np.ndarray, groups: np.ndarray, folds: int = 5
) -> np.ndarray:
    """(N,) probabilities calibrated anew (Platt, 1999), each by the other folds; groups stay whole."""
    scores = logit(np.clip(probabilities.astype(float), 1e-6, 1 - 1e-6))
    fold = fold_of(groups, folds)
    out = np.empty(len(scores))
    for k in range(folds):
        fitted = platt(scores[fold != k], truth[fold != k])
        out[fold == k] = expit(fitted["scale"] * scores[fold == k] + fitted["bias"])
    return out


def fold_of(groups: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """(N,) int in [0, folds): members of one group share a fold, groups are dealt at random."""
    names, index = np.unique(groups, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % folds)[index]


def opacity_figures(
    probabilities: np.ndarray, truth: np.ndarray, patients: np.ndarray, views: np.ndarray
) -> tuple[dict, Reliability]:
    """Figures of "any opacity" against none on held-out images, all (N,), and the curve to be drawn."""
    fitted = cross_fitted(probabilities, truth, patients)
    curve = reliability(fitted, truth)
    shipped, chance = plug_in(reliability(probabilities, truth)), calibrated_would_show(probabilities)
    figures = {
        "images": len(truth),
        "opacities": int(truth.sum()),
        "auroc": round(auroc(probabilities, truth), 4),
        "auroc_by_view": {
            v: round(auroc(probabilities[views == v], truth[views == v]), 4) for v in ("PA", "AP")
        },
        "bins": f"{BINS} of equal mass",
        "ece": round(plug_in(curve), 4),
        "ece_debiased": round(debiased(curve), 4),
        "ece_debiased_l2": round(debiased_l2(curve), 4),
        "ece_of_a_calibrated_model": round(float(calibrated_would_show(fitted).mean()), 4),
        "ece_5_bins": round(plug_in(reliability(fitted, truth, 5)), 4),
        "ece_5_bins_debiased": round(debiased(reliability(fitted, truth, 5)), 4),
        "as_shipped": {
            "ece": round(shipped, 4),
            "ece_debiased": round(debiased(reliability(probabilities, truth)), 4),
            "ece_of_a_calibrated_model": round(float(chance.mean()), 4),
            "share_of_calibrated_with_as_much": round(float((chance >= shipped).mean()), 3),
        },
    }
    return figures, curve


def platt(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Scale and bias of a calibrated sigmoid (Platt, 1999), scale kept positive."""

    def loss(p: np.ndarray) -> float:
        z = np.exp(p[0]) * logits + p[1]
        return float(np.mean(np.logaddexp(0, np.where(truth, -z, z)))) + 1e-3 * float(p[0] ** 2)

    best = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return {"scale": round(float(np.exp(best[0])), 4), "bias": round(float(best[1]), 4)}
