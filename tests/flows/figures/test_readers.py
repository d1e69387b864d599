"""Shares, ranks and agreement of simulated readers: against libraries, and within their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from flows.figures.ranking import auroc
from flows.figures.readers import agreement, share, told_apart


@settings(max_examples=40)
@given(
    st.floats(0.15, 0.85),
    st.integers(4, 10),
    st.integers(20, 60),
    st.integers(0, 2**32 - 1),
)
def test_a_share_lies_in_its_interval_and_is_the_mean(rate, readers, films, seed):
    rng = np.random.default_rng(seed)
    hits = rng.random((readers, films)) < rate
    found = share(hits, np.ones_like(hits))
    assert found.value == pytest.approx(hits.mean())
    assert 0 <= found.low <= found.value <= found.high <= 1
    # Of one draw in a million: five times as wide holds the truth.
    reach = 2.5 * (found.high - found.low)
    assert found.value - reach <= rate <= found.value + reach


@pytest.mark.parametrize(("readers", "films", "of_readers", "of_films"), [(4, 40, 0, 0), (5, 40, 0.5, 0.7)])
def test_intervals_hold_for_other_readers_and_films(readers, films, of_readers, of_films):
    rng = np.random.default_rng(3)
    truth = expit(0.5 + of_readers * rng.normal(size=(2000, 1)) + of_films * rng.normal(size=2000)).mean()
    inside = []
    for seed in range(150):
        p = expit(0.5 + of_readers * rng.normal(size=(readers, 1)) + of_films * rng.normal(size=films))
        found = share(rng.random((readers, films)) < p, np.ones((readers, films), bool), seed=seed)
        inside.append(found.low <= truth <= found.high)
    assert np.mean(inside) >= 0.90


def test_films_left_open_do_not_count():
    asked = np.array([[True, True, False], [True, False, False], [False, False, False]])
    found = share(np.array([[1, 0, 1], [1, 1, 1], [1, 1, 1]], float) * asked, asked)
    assert (found.value, found.readers, found.films, found.answers) == (pytest.approx(2 / 3), 2, 2, 3)
    assert share(asked & False, asked & False).value is None


def test_where_all_agree_the_interval_is_of_the_films():
    found = share(np.ones((3, 20)), np.ones((3, 20), bool))
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.025 ** (1 / 20), abs=1e-6)


def test_the_area_is_that_of_each_reader():
    rng = np.random.default_rng(0)
    real = np.arange(30) % 2 == 0
    ratings = np.clip(rng.integers(1, 4, (4, 30)) + real * rng.integers(0, 2, (4, 30)), 1, 4).astype(float)
    found = told_apart(ratings, real)
    assert found.value == pytest.approx(np.mean([auroc(r, real) for r in ratings]))
    assert found.low < found.value < found.high
    ratings[:, real] = np.nan
    assert told_apart(ratings, real).value is None


def test_kappa_is_statsmodels():
    answers = np.random.default_rng(1).integers(0, 2, (3, 40))
    found = agreement(answers)
    assert found.value == pytest.approx(fleiss_kappa(aggregate_raters(answers.T)[0]))
    assert found.low < found.value < found.high
    answers[0, :39] = -1
    assert agreement(answers).value is None
    assert agreement(np.zeros((3, 9), int)).value is None
