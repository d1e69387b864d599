"""What a study can tell, against simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from flows.figures.power import effective, power, smallest_difference


def test_the_least_difference_is_told_as_often_as_it_says():
    least = smallest_difference(80)
    hits = np.random.default_rng(0).binomial(80, 0.5 + least, 4000)
    told = np.array([binomtest(k, 80).pvalue <= 0.05 for k in range(81)])
    assert told[hits].mean() == pytest.approx(0.80, abs=0.02)


def test_a_guesser_is_seldom_told():
    assert power(80, 0.5) <= 0.05


def test_more_answers_tell_less_of_a_difference_and_too_few_none():
    assert smallest_difference(200) < smallest_difference(50)
    assert smallest_difference(4) is None


@pytest.mark.parametrize(("correlation", "worth"), [(0, 240), (1, 80), (0.2, 171)])
def test_readers_who_agree_are_worth_less(correlation, worth):
    assert effective(80, 3, correlation) == worth
