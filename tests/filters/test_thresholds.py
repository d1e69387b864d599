import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from filters.registry import THRESHOLDS
from filters.thresholds import Threshold, calibrate, dump_thresholds, parse_thresholds, refused

scores = arrays(np.float64, st.integers(100, 300), elements=st.floats(-1, 1, width=32))
percentiles = st.floats(1, 50)


@given(scores, percentiles, st.sampled_from([">=", "<="]))
def test_no_more_of_the_reference_is_refused_than_asked(values, percentile, keep):
    threshold = calibrate(values, keep, percentile, "held out", "a command")
    assert refused(values, threshold.threshold, keep) <= percentile / 100
    assert threshold.n == len(values)


def test_about_as_many_are_refused_as_asked():
    values = np.random.default_rng(0).normal(size=5000)
    for keep in (">=", "<="):
        threshold = calibrate(values, keep, 5, "normal", "")
        assert refused(values, threshold.threshold, keep) == pytest.approx(0.05, abs=0.002)


def test_too_few_scores_cannot_resolve_a_percentile():
    with pytest.raises(ValueError, match="at least 100 for percentile 1"):
        calibrate(np.zeros(99), ">=", 1, "held out", "")
    with pytest.raises(ValueError, match="not finite"):
        calibrate(np.full(100, np.nan), ">=", 5, "held out", "")


def test_the_file_reads_back():
    table = THRESHOLDS
    assert parse_thresholds(dump_thresholds(table)) == table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ('{"integrity": {"threshold": 1}}', "integrity: .*missing"),
        (
            '{"integrity": {"threshold": 1, "percentile": 0, "reference": "", "n": 0, "command": ""}}',
            "percentile",
        ),
    ],
)
def test_a_broken_file_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_thresholds(text)


def test_a_threshold_without_percentile_is_provisional():
    assert Threshold(0.5, None, "none", 0, "").provisional
    assert not Threshold(0.5, 5, "held out", 100, "").provisional
