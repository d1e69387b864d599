"""How far two sets of points lie apart: Fréchet, kernel, and by neighbourhoods.

Every figure takes multiplicities too, how often each point is drawn, so that drawing patients anew
(:mod:`flows.figures.resampling`) needs no copies: two copies of one point are no neighbours of each other.
"""

from dataclasses import dataclass

import numpy as np

#: Neighbours that make a ball around a point (Naeem et al., 2020).
NEIGHBOURS = 5

Multiplicities = np.ndarray | None


def frechet(a: np.ndarray, b: np.ndarray, wa: Multiplicities = None, wb: Multiplicities = None) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets (Heusel et al., 2017), what FID is.

    Covariances are divided by one less than the number of points, as the paper's code does. The trace of
    (Ca Cb)^½ is taken as the sum of the singular values of A Bᵀ, where AᵀA = Ca and BᵀB = Cb: exact, also
    where there are fewer points than dimensions.
    """
    (mean_a, rows_a), (mean_b, rows_b) = _scattered(a, wa), _scattered(b, wb)
    between = np.linalg.svd(_short(rows_a) @ _short(rows_b).T, compute_uv=False).sum()
    spread = (rows_a**2).sum() + (rows_b**2).sum()
    return float(max(0.0, ((mean_a - mean_b) ** 2).sum() + spread - 2 * between))


def kernel_distance(
    a: np.ndarray, b: np.ndarray, wa: Multiplicities = None, wb: Multiplicities = None
) -> float:
    """Unbiased squared maximum mean discrepancy under (x·y / D + 1)³ (Bińkowski et al., 2018), what KID is.

    Of all points at once, not the mean over subsets; may be a little below 0 for sets of one distribution.
    """
    wa, wb = _ones(a, wa), _ones(b, wb)
    return _within(a, wa) + _within(b, wb) - 2 * float(wa @ _kernel(a, b) @ wb / (wa.sum() * wb.sum()))


@dataclass(frozen=True)
class Neighbourhoods:
    """Precision and recall (Kynkäänniemi et al., 2019), density and coverage (Naeem et al., 2020).

    A ball around each point reaches its k-th nearest point of the same set, that one not included.
    ``precision``: share of generated points in any real ball; ``recall``: share of real points in any
    generated ball; ``density``: mean number of real balls that a generated point lies in, over k, may exceed
    1; ``coverage``: share of real balls that hold a generated point.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def neighbourhoods(
    real: np.ndarray,
    generated: np.ndarray,
    wr: Multiplicities = None,
    wg: Multiplicities = None,
    neighbours: int = NEIGHBOURS,
) -> Neighbourhoods:
    """Of two sets (N, D) and (M, D), each of more than ``neighbours`` points; else ValueError.

    With multiplicities a ball holds as many draws as it would points, so that it stays as large.
    """
    real, wr = _drawn(real, wr)
    generated, wg = _drawn(generated, wg)
    apart = _distances(real, generated)
    in_real = apart < _radii(real, wr, neighbours)[:, None]
    in_generated = apart < _radii(generated, wg, neighbours)
    return Neighbourhoods(
        precision=float(in_real.any(0) @ wg / wg.sum()),
        recall=float(in_generated.any(1) @ wr / wr.sum()),
        density=float(wr @ in_real @ wg / (neighbours * wg.sum())),
        coverage=float(in_real.any(1) @ wr / wr.sum()),
    )


def _ones(x: np.ndarray, w: Multiplicities) -> np.ndarray:
    return np.ones(len(x)) if w is None else w.astype(float)


def _drawn(x: np.ndarray, w: Multiplicities) -> tuple[np.ndarray, np.ndarray]:
    w = _ones(x, w)
    return x[w > 0], w[w > 0]


def _scattered(x: np.ndarray, w: Multiplicities) -> tuple[np.ndarray, np.ndarray]:
    """The mean (D,), and rows R (N, D) with RᵀR the covariance."""
    w = _ones(x, w)
    mean = w @ x / w.sum()
    return mean, np.sqrt(w / (w.sum() - 1))[:, None] * (x - mean)


def _short(rows: np.ndarray) -> np.ndarray:
    """As many rows as columns at most, with the same RᵀR."""
    return rows if len(rows) <= rows.shape[1] else np.linalg.qr(rows, mode="r")


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a.astype(float) @ b.T / a.shape[1] + 1) ** 3


def _within(x: np.ndarray, w: np.ndarray) -> float:
    """The mean over pairs of two different points."""
    k = _kernel(x, x)
    pairs = w.sum() ** 2 - (w**2).sum()
    return float((w @ k @ w - (w**2) @ np.diag(k)) / pairs)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(float), b.astype(float)
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.clip(squared, 0, None))


def _radii(x: np.ndarray, w: np.ndarray, neighbours: int) -> np.ndarray:
    """(N,) distance to where the draws of other points come to ``neighbours``."""
    if len(x) <= neighbours:
        raise ValueError(f"{len(x)} points, expected more than {neighbours}")
    apart = _distances(x, x)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :neighbours]  # each is drawn once at least
    enough = (np.cumsum(w[near], axis=1) >= neighbours).argmax(1)
    which = np.arange(len(x))
    return apart[which, near[which, enough]]
