"""How far two sets of points lie apart: Fréchet, kernel, and by neighbourhoods.

Every figure takes multiplicities too, how often each point is drawn, so that drawing patients anew
(:mod:`flows.figures.resampling`) needs no copies: two copies of one point are no neighbours of each other.
"""

from dataclasses import dataclass

import numpy as np

#: Neighbours that make a ball around a point (Naeem et al., 2020).
NEIGHBOURS = 5
#: Share of a ball's radius by which it is taken smaller: a point on its edge is outside, however it rounds.
ROUNDING = 1e-6

Multiplicities = np.ndarray | None


@dataclass(frozen=True)
class Products:
    """Inner products of two sets of points: among the first (N, N), between both (N, M), among the second
    (M, M). All distances follow from them, and those of many draws of the same points from one table."""

    first: np.ndarray
    between: np.ndarray
    second: np.ndarray
    dimensions: int

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray) -> "Products":
        """Of points (N, D) and (M, D)."""
        a, b = a.astype(float), b.astype(float)
        return cls(a @ a.T, a @ b.T, b @ b.T, a.shape[1])

    @classmethod
    def within(cls, table: np.ndarray, a: np.ndarray, b: np.ndarray, dimensions: int) -> "Products":
        """Of the points with the indices ``a`` and ``b`` in a ``table`` (K, K) of products."""
        return cls(table[np.ix_(a, a)], table[np.ix_(a, b)], table[np.ix_(b, b)], dimensions)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets (Heusel et al., 2017), what FID is.

    Covariances are divided by one less than the number of points, as the paper's code does. The trace of
    (Ca Cb)^½ is taken as the sum of the singular values of A Bᵀ, where AᵀA = Ca and BᵀB = Cb: exact, also
    where there are fewer points than dimensions.
    """
    rows_a, rows_b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    trace = _nuclear(_short(rows_a) @ _short(rows_b).T)
    spread = (rows_a**2).sum() + (rows_b**2).sum()
    return float(max(0.0, ((a.mean(0) - b.mean(0)) ** 2).sum() + spread - 2 * trace))


def frechet_of(products: Products, wa: Multiplicities = None, wb: Multiplicities = None) -> float:
    """As :func:`frechet`, of sets by their products."""
    wa, wb = _ones(products.first, wa), _ones(products.second, wb)
    pa, pb = wa / wa.sum(), wb / wb.sum()
    first, second = pa @ products.first @ pa, pb @ products.second @ pb
    row, column = products.between @ pb, pa @ products.between
    means = first + second - 2 * pa @ row
    spread = (
        wa @ np.diag(products.first) - wa.sum() * first,
        wb @ np.diag(products.second) - wb.sum() * second,
    )
    centred = products.between - row[:, None] - column + pa @ row
    scales = np.sqrt(wa / (wa.sum() - 1))[:, None], np.sqrt(wb / (wb.sum() - 1))
    trace = _nuclear(scales[0] * centred * scales[1])
    total = means + spread[0] / (wa.sum() - 1) + spread[1] / (wb.sum() - 1) - 2 * trace
    return float(max(0.0, total))


def kernel_distance(products: Products, wa: Multiplicities = None, wb: Multiplicities = None) -> float:
    """Unbiased squared maximum mean discrepancy under (x·y / D + 1)³ (Bińkowski et al., 2018), what KID is.

    Of all points at once, not the mean over subsets; may be a little below 0 for sets of one distribution.
    """
    wa, wb = _ones(products.first, wa), _ones(products.second, wb)
    aa, ab, bb = (
        (x / products.dimensions + 1) ** 3 for x in (products.first, products.between, products.second)
    )
    return _among(aa, wa) + _among(bb, wb) - 2 * float(wa @ ab @ wb / (wa.sum() * wb.sum()))


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
    products: Products,
    wr: Multiplicities = None,
    wg: Multiplicities = None,
    neighbours: int = NEIGHBOURS,
) -> Neighbourhoods:
    """Of a real (first) and a generated (second) set, each of more than ``neighbours`` points, or ValueError.

    With multiplicities a ball holds as many draws as it would points, so that it stays as large.
    """
    wr, wg = _ones(products.first, wr), _ones(products.second, wg)
    real, made = np.flatnonzero(wr), np.flatnonzero(wg)
    wr, wg = wr[real], wg[made]
    apart = _distances(products.first, products.between, products.second)[np.ix_(real, made)]
    in_real = apart < _radii(products.first, real, wr, neighbours)[:, None]
    in_generated = apart < _radii(products.second, made, wg, neighbours)
    return Neighbourhoods(
        precision=float(in_real.any(0) @ wg / wg.sum()),
        recall=float(in_generated.any(1) @ wr / wr.sum()),
        density=float(wr @ in_real @ wg / (neighbours * wg.sum())),
        coverage=float(in_real.any(1) @ wr / wr.sum()),
    )


def _ones(x: np.ndarray, w: Multiplicities) -> np.ndarray:
    return np.ones(len(x)) if w is None else w.astype(float)


def _nuclear(matrix: np.ndarray) -> float:
    return float(np.linalg.svd(matrix, compute_uv=False).sum())


def _short(rows: np.ndarray) -> np.ndarray:
    """As many rows as columns at most, with the same RᵀR."""
    return rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"))


def _among(kernel: np.ndarray, w: np.ndarray) -> float:
    """The mean over pairs of two different points."""
    pairs = w.sum() ** 2 - (w**2).sum()
    return float((w @ kernel @ w - (w**2) @ np.diag(kernel)) / pairs)


def _distances(first: np.ndarray, between: np.ndarray, second: np.ndarray) -> np.ndarray:
    squared = np.diag(first)[:, None] + np.diag(second) - 2 * between
    return np.sqrt(np.clip(squared, 0, None))


def _radii(table: np.ndarray, drawn: np.ndarray, w: np.ndarray, neighbours: int) -> np.ndarray:
    """(N,) of each drawn point: the distance to where the draws of others come to ``neighbours``."""
    if len(drawn) <= neighbours:
        raise ValueError(f"{len(drawn)} points, expected more than {neighbours}")
    table = table[np.ix_(drawn, drawn)]
    apart = _distances(table, table, table)
    np.fill_diagonal(apart, np.inf)
    near = np.argpartition(apart, neighbours - 1, axis=1)[:, :neighbours]  # each is drawn once at least
    which = np.arange(len(drawn))[:, None]
    near = near[which, np.argsort(apart[which, near], axis=1)]
    enough = (np.cumsum(w[near], axis=1) >= neighbours).argmax(1)
    return (1 - ROUNDING) * apart[which[:, 0], near[which[:, 0], enough]]
