"""Figures of arms and of their differences, with intervals by bootstrap over patients and seeds.

All arms are measured on the same draws of test patients and of seeds, so that what two of them share, an easy
patient or a lucky seed, falls out of their difference.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from flows.evaluation.downstream.arms import Run
from flows.evaluation.downstream.task import Measure

Cell = tuple[str, int, str]


@dataclass(frozen=True)
class Estimate:
    """A value with the interval in which 95 of 100 draws lie; ``seeds`` are how many trainings it is of."""

    value: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Draws:
    """``films``: for each draw the indices of the test films whose patients were drawn, with repetition."""

    films: list[np.ndarray]
    seed: int = 0

    @classmethod
    def of(cls, patients: np.ndarray, count: int, seed: int = 0) -> "Draws":
        """Of (N,) patients of the test films."""
        rng = np.random.default_rng((seed, 0))
        names, owner = np.unique(patients, return_inverse=True)
        films = np.split(np.argsort(owner, kind="stable"), np.cumsum(np.bincount(owner))[:-1])
        drawn = rng.integers(len(names), size=(count, len(names)))
        return cls([np.concatenate([films[k] for k in row]) for row in drawn], seed)

    def seeds(self, count: int) -> np.ndarray:
        """(draws, count): places of the seeds that each draw takes."""
        return np.random.default_rng((self.seed, 1)).integers(count, size=(len(self.films), count))


class Table:
    """One measure of all runs: ``values`` of all films and of each draw, by cell and seed."""

    def __init__(self, films: int, draws: Draws) -> None:
        self._all, self._draws = np.arange(films), draws
        self.values: dict[Cell, dict[int, np.ndarray]] = defaultdict(dict)

    def add(self, run: Run, measure: Measure) -> None:
        """One run's values: of all films first, then of each draw."""
        values = [measure(index) for index in (self._all, *self._draws.films)]
        self.values[run.cell][run.seed] = np.array(values, float)

    def estimate(self, cell: Cell) -> Estimate | None:
        """The mean over seeds; None where there is no run that could be measured."""
        return self._estimate(self.values[cell]) if cell in self.values else None

    def difference(self, cell: Cell, other: Cell) -> Estimate | None:
        """By how much the first is more than the other, over the seeds that both have."""
        if cell not in self.values or other not in self.values:
            return None
        a, b = self.values[cell], self.values[other]
        return self._estimate({seed: a[seed] - b[seed] for seed in a if seed in b})

    def _estimate(self, by_seed: Mapping[int, np.ndarray]) -> Estimate | None:
        rows = [by_seed[seed] for seed in sorted(by_seed)]
        if not rows or not np.isfinite([row[0] for row in rows]).all():
            return None
        stacked = np.stack(rows)
        drawn = self._draws.seeds(len(rows))
        means = stacked[drawn, np.arange(1, stacked.shape[1])[:, None]].mean(1)
        low, high = np.nanpercentile(means, (2.5, 97.5))
        return Estimate(float(stacked[:, 0].mean()), float(low), float(high), len(rows))


def tables(runs: Iterable[tuple[Run, Mapping[str, Measure]]], films: int, draws: Draws) -> dict[str, Table]:
    """A table for each measure that any run has."""
    out: dict[str, Table] = {}
    for run, measures in runs:
        for name, measure in measures.items():
            out.setdefault(name, Table(films, draws)).add(run, measure)
    return out
