"""What drawing the patients anew would give: intervals of figures that depend on how many films there are."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

#: Times that films are drawn again before all are taken.
TRIES = 100


@dataclass(frozen=True)
class Estimate:
    """A figure's ``value``, its 95 % interval and its ``floor``: the same figure of two halves of the real
    films; ``counts`` of what it rests on."""

    value: float
    low: float
    high: float
    floor: float | None = None
    counts: dict[str, int] = field(default_factory=dict)


def multiplicities(owners: np.ndarray, rng: np.random.Generator, least: int = 2) -> np.ndarray:
    """(N,) int: how often each of N films is drawn when their ``owners`` (N,) are drawn with replacement
    (Efron, 1979).

    Draws of fewer than ``least`` different films, of which there is no figure, are drawn again; where that
    does not help, each film is drawn once.
    """
    names, owner = np.unique(owners, return_inverse=True)
    for _ in range(TRIES):
        drawn = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[owner]
        if np.count_nonzero(drawn) >= least:
            return drawn
    return np.ones(len(owners), int)


def around(
    value: float, departures: np.ndarray, least: float = -np.inf, most: float = np.inf
) -> tuple[float, float]:
    """The interval about ``value`` by how far draws (B,) depart from it, less their mean departure.

    Distances and coverages of drawn sets are biased, for a draw holds fewer different films: what is wanted
    of them is their spread. Kept within ``least`` and ``most``.
    """
    low, high = value + np.percentile(departures - departures.mean(), (2.5, 97.5))
    return float(np.clip(low, least, most)), float(np.clip(high, least, most))


def mean_over(values: np.ndarray, owners: np.ndarray, draws: int = 1000, seed: int = 0) -> Estimate:
    """The mean of one number a film (N,), by drawing owners (N,) anew."""
    rng = np.random.default_rng(seed)
    drawn = np.stack([multiplicities(owners, rng) for _ in range(draws)])
    low, high = np.percentile(drawn @ values / drawn.sum(1), (2.5, 97.5))
    return Estimate(float(values.mean()), float(low), float(high))


def drawn_interval(
    measure: Callable[[np.ndarray], float], count: int, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % of a figure of indices into ``count`` films, drawn with replacement; NaN ones are left out."""
    rng = np.random.default_rng(seed)
    values = [measure(rng.integers(count, size=count)) for _ in range(draws)]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)
