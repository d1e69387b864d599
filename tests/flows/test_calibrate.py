"""Shipped thresholds come from held-out real data and can be read off it again."""

import pytest

from filters.calibration import calibrate
from filters.registry import FILTERS
from flows.calibrate import COMMAND, PERCENTILES, lung_scores


@pytest.mark.parametrize("name", list(FILTERS))
def test_every_threshold_is_calibrated_and_says_on_what(name):
    shipped = FILTERS[name].default
    assert shipped.percentile == PERCENTILES[name]
    assert shipped.n * shipped.percentile >= 100
    assert shipped.command == COMMAND
    assert shipped.reference


def test_the_anatomy_threshold_repeats_from_the_real_masks(shared_data):
    shipped = FILTERS["anatomy_agreement"]
    again = calibrate(lung_scores(shared_data), shipped.keep, 10.0, shipped.default.reference, COMMAND)
    assert again.n == shipped.default.n
    assert again.threshold == pytest.approx(shipped.threshold, abs=0.002)
