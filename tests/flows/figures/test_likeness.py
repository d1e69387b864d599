"""Films of one distribution lie at their floor, noise far from it; intervals hold what they say."""

import numpy as np
import pytest

from flows.figures.fidelity import Clouds
from flows.figures.likeness import BOUNDS, comparable, draws, likeness, told_apart, whole_likeness
from flows.figures.resampling import around, mean_over, multiplicities


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(110), 2)
    real = rng.standard_normal((220, 20)) + np.repeat(rng.standard_normal((110, 20)), 2, 0)
    return rng, real, patients


def alike(rng, count=90):
    return rng.standard_normal((count, 20)) * np.sqrt(2)


def test_films_alike_lie_at_their_floor(clouds):
    rng, real, patients = clouds
    found = likeness(Clouds(alike(rng), real, patients), count=60)
    assert list(found) == list(BOUNDS)
    for name, e in found.items():
        assert e.low <= e.value <= e.high, name
        assert e.low <= e.floor <= e.high, name
        assert e.counts == {"generated": 90, "real": 220, "patients": 110, "compared": 90}
    assert abs(told_apart(Clouds(alike(rng), real, patients)).value - 0.5) < 0.1


def test_noise_lies_far_off(clouds):
    rng, real, patients = clouds
    noise = Clouds(alike(rng) + 4, real, patients)
    for found in (likeness(noise, count=40), whole_likeness(noise)):
        assert found["fd"].low > 10 * found["fd"].floor
        assert found["kid"].low > 10 * abs(found["kid"].floor)
        assert max(found[n].high for n in ("precision", "recall", "density", "coverage")) < 0.1
    apart = told_apart(noise)
    assert apart.low > 0.95
    assert apart.floor == pytest.approx(0.5, abs=0.12)


def test_samples_are_no_larger_than_a_half_of_the_real_films(clouds):
    rng, real, patients = clouds
    assert comparable(Clouds(alike(rng, 500), real, patients)) == 110
    whole = whole_likeness(Clouds(alike(rng, 150), real, patients))
    assert whole["fd"].counts["compared"] == 150


def test_an_interval_is_as_wide_as_figures_of_other_samples_are_apart(clouds):
    """Ninety-five of a hundred, about: of kernel distances, which no sample's size shifts."""
    rng, real, patients = clouds
    found = [likeness(Clouds(alike(rng) + 0.5, real, patients), count=60)["kid"] for _ in range(24)]
    truth = np.mean([e.value for e in found])
    assert sum(e.low <= truth <= e.high for e in found) >= 20


def test_whole_patients_are_drawn():
    rng = np.random.default_rng(0)
    owners = np.repeat(["a", "b", "c"], [1, 2, 3])
    drawn = multiplicities(owners, rng)
    assert drawn[1] == drawn[2]
    assert len(set(drawn[3:])) == 1
    estimate = mean_over(np.array([1.0, 0, 0, 0, 0, 0]), owners)
    assert estimate.low == 0
    assert estimate.value == pytest.approx(1 / 6)


def test_a_bias_of_draws_does_not_move_the_interval():
    assert around(5, np.array([9.0, 10, 11] * 100)) == (4, 6)
    assert around(0.5, np.array([-1.0, 1] * 100), 0, 1) == (0, 1)


def test_draws_of_too_few_films_are_drawn_again():
    rng = np.random.default_rng(0)
    owners = np.repeat(["a", "b", "c"], [1, 1, 18])
    assert all(np.count_nonzero(multiplicities(owners, rng, 6)) >= 6 for _ in range(200))
    assert multiplicities(np.arange(3), rng, 6).tolist() == [1, 1, 1]


def test_a_patient_with_many_films_does_not_make_samples_small():
    rng = np.random.default_rng(0)
    films, patients = rng.standard_normal((40, 4)), np.repeat(np.arange(4), [1, 1, 19, 19])
    clouds = Clouds(films[:20], films, patients)
    size = comparable(clouds)
    assert size >= 18
    assert all(len(d.half) >= 0.9 * size for d in draws(clouds, 30, rng))
    assert np.isfinite(likeness(clouds, count=20)["coverage"].low)
