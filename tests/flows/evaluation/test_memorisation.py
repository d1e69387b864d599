"""Copies are found, strangers are not."""

import numpy as np
import pytest

from flows.evaluation.memorisation import figures, nearest, pixels


def test_the_nearest_row_and_its_distance():
    training = np.eye(3)
    near = nearest(np.array([[0, 2, 0], [1, 1, 0.0]]), training)
    assert near.nearest[0] == 1
    assert near.distance == pytest.approx([0, 1 - 0.5**0.5])


def test_copies_are_counted_and_fresh_draws_are_not():
    rng = np.random.default_rng(0)
    training, held, fresh = (rng.standard_normal((n, 20)) for n in (300, 200, 200))
    floor = nearest(held, training)
    assert figures(nearest(fresh, training), floor)["share"] < 0.05
    copied = np.concatenate([fresh[:150], training[:50] + 0.01])
    assert figures(nearest(copied, training), floor)["nearer"] >= 50


def test_pixels_are_blind_to_brightness_and_contrast():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 128, (1, 64, 64)).astype(float)
    assert nearest(pixels(image * 1.5 + 20), pixels(image)).distance == pytest.approx(0, abs=1e-5)
