"""Intervals and paired differences against a computation by hand."""

import numpy as np
import pytest

from flows.evaluation.downstream.arms import Run
from flows.evaluation.downstream.intervals import Draws, Table


def test_draws_take_all_films_of_a_patient_or_none():
    patients = np.array(["a", "b", "a", "c"])
    for index in Draws.of(patients, 50).films:
        counts = np.bincount(index, minlength=4)
        assert counts[0] == counts[2]
        assert counts[0] + counts[1] + counts[3] == 3


def test_a_paired_difference_is_that_of_the_same_draws():
    rng = np.random.default_rng(1)
    patients = np.array([f"p{i // 2}" for i in range(40)])
    scores = {(arm, seed): rng.random(40) for arm in ("real", "real+synthetic") for seed in (3, 5)}
    scores["real+synthetic", 3] = scores["real", 3] + 0.1
    draws = Draws.of(patients, 200)
    table = Table(40, draws)
    for (arm, seed), values in scores.items():
        table.add(Run(arm, 10, seed, "none"), lambda index, values=values: float(values[index].mean()))
    cells = ("real+synthetic", 10, "none"), ("real", 10, "none")
    found = table.difference(*cells)
    gap = np.stack([scores["real+synthetic", s] - scores["real", s] for s in (3, 5)])
    by_hand = [
        np.mean([gap[k][films].mean() for k in seeds])
        for films, seeds in zip(draws.films, draws.seeds(2), strict=True)
    ]
    assert found.value == pytest.approx(gap.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(by_hand, (2.5, 97.5))))
    assert found.seeds == 2
    alone = table.estimate(cells[1])
    assert alone.value == pytest.approx(np.mean([scores["real", 3].mean(), scores["real", 5].mean()]))


def test_what_all_share_falls_out_of_the_difference():
    patients = np.array([str(i) for i in range(30)])
    hard = np.random.default_rng(0).random(30)
    table = Table(30, Draws.of(patients, 100))
    for seed in (0, 1):
        table.add(Run("real", 10, seed, "none"), lambda i: float(hard[i].mean()))
        table.add(Run("synthetic", 0, seed, "none"), lambda i: float(hard[i].mean() + 0.05))
    found = table.difference(("synthetic", 0, "none"), ("real", 10, "none"))
    assert (found.low, found.value, found.high) == pytest.approx((0.05, 0.05, 0.05))


def test_a_run_that_cannot_be_measured_has_no_figure():
    table = Table(3, Draws.of(np.array(["a", "b", "c"]), 20))
    table.add(Run("real", 10, 0, "none"), lambda _: float("nan"))
    assert table.estimate(("real", 10, "none")) is None
    assert table.estimate(("synthetic", 0, "none")) is None
    assert table.difference(("real", 10, "none"), ("synthetic", 0, "none")) is None
