"""Shares and means of a build's own rows, as figures with an interval."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import binomtest, chi2_contingency

from flows.figures.figure import Figure

#: Draws behind the interval of a mean.
DRAWS = 2000


def share(
    name: str, judge: str, count: int, of: int, what: str, group: str = "all", note: str = ""
) -> Figure:
    """``count`` of ``of`` with Wilson's 95 % interval: what another build of the same settings may show.

    ``what`` they are, as counts name them. Not measured where there is none.
    """
    if not of:
        return Figure(name, judge, None, group=group, counts={what: 0}, note=note or f"there are no {what}")
    low, high = binomtest(count, of).proportion_ci(method="wilson")
    return Figure(name, judge, count / of, low, high, None, group, {"counted": count, what: of}, note)


def number(name: str, judge: str, value: float, counts: Mapping[str, int], note: str = "") -> Figure:
    """A count or extreme, which has no interval."""
    return Figure(name, judge, float(value), counts=dict(counts), note=note)


def clustered_mean(
    name: str, judge: str, values: Sequence[Sequence[float]], what: str, group: str = "all"
) -> Figure:
    """The mean of all ``values``, a list for each image, with a 95 % bootstrap interval over images."""
    values = [v for v in values if v]
    sums, sizes = np.array([sum(v) for v in values], float), np.array([len(v) for v in values], float)
    counts = {what: int(sizes.sum()), "images": len(values)}
    if not sizes.sum():
        return Figure(name, judge, None, group=group, counts=counts, note=f"there are no {what}")
    # Which images a draw has is the same as how often it has each.
    drawn = np.random.default_rng(0).multinomial(len(values), np.full(len(values), 1 / len(values)), DRAWS)
    low, high = np.quantile((drawn @ sums) / np.maximum(drawn @ sizes, 1), (0.025, 0.975))
    return Figure(name, judge, float(sums.sum() / sizes.sum()), float(low), float(high), None, group, counts)


def unequal(rows: Sequence[tuple[int, int]]) -> float | None:
    """p of Pearson's chi-square that shares, (count, of) each, are one share; None where there is no such
    test."""
    table = np.array([(count, of - count) for count, of in rows if of], float).reshape(-1, 2)
    if len(table) < 2 or not table.sum(0).all():
        return None
    return float(chi2_contingency(table).pvalue)
