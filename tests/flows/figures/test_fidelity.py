"""Distances of sets whose answers are known."""

import numpy as np
import pytest

from flows.figures.distances import Products, frechet, neighbourhoods
from flows.figures.fidelity import Clouds, fidelity, halves, two_sample_auc


def density_and_coverage(real, generated):
    found = neighbourhoods(Products.of(real, generated))
    return found.density, found.coverage


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_frechet_of_two_gaussians(rng):
    a = rng.normal(0, 1, (40_000, 3))
    b = rng.normal((1, 2, 0), (2, 1, 3), (40_000, 3))
    assert frechet(a, b) == pytest.approx(5 + 1 + 0 + 4, rel=0.05)  # |Δμ|² + Σ(Δσ)²


def test_frechet_of_correlated_gaussians_is_that_of_their_matrices(rng):
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    a = rng.standard_normal((20_000, 4)) * (1, 2, 3, 4)
    assert frechet(a @ turn, 2 * a @ turn) == pytest.approx(1 + 4 + 9 + 16, rel=0.05)


def test_a_set_is_at_no_distance_from_itself_even_when_its_covariance_is_singular(rng):
    a = rng.standard_normal((10, 30))
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_identical_sets_cover_each_other(rng):
    a = rng.standard_normal((100, 5))
    density, coverage = density_and_coverage(a, a)
    assert coverage == 1
    assert density == pytest.approx(
        1
    )  # each ball holds its centre and four neighbours, the fifth is its edge


def test_two_samples_of_one_distribution_have_density_and_coverage_near_one(rng):
    density, coverage = density_and_coverage(rng.standard_normal((500, 5)), rng.standard_normal((500, 5)))
    assert density == pytest.approx(1, abs=0.15)
    assert coverage > 0.9


def test_sets_far_apart_have_neither_and_one_mode_is_dense_but_covers_little(rng):
    a = rng.standard_normal((200, 5))
    assert density_and_coverage(a, a + 100) == (0, 0)
    density, coverage = density_and_coverage(a, 0.05 * rng.standard_normal((200, 5)))
    assert density > 1
    assert coverage < 0.6


def test_a_classifier_tells_apart_what_differs_and_nothing_else(rng):
    a, b = rng.standard_normal((300, 8)), rng.standard_normal((300, 8))
    groups = np.arange(600)
    assert two_sample_auc(a, b, groups) == pytest.approx(0.5, abs=0.08)
    assert two_sample_auc(a, b + 3, groups) > 0.99


def test_halves_share_no_patient(rng):
    patients = np.repeat(np.arange(40), rng.integers(1, 6, 40))
    a, b = halves(patients, rng)
    assert not set(patients[a]) & set(patients[b])
    assert len(a) + len(b) == len(patients)
    assert abs(len(a) - len(b)) <= 6


def test_figures_of_samples_alike_and_unlike(rng):
    real, patients = rng.standard_normal((120, 6)), np.arange(120)
    alike = fidelity(Clouds(rng.standard_normal((200, 6)), real, patients))
    assert alike["frechet_sample"] == 60
    assert alike["sample"] == 120
    assert alike["frechet_ratio"] == pytest.approx(1, abs=0.4)
    unlike = fidelity(Clouds(rng.standard_normal((200, 6)) + 3, real, patients))
    assert unlike["frechet_ratio"] > 10
    assert unlike["two_sample_auc"] > 0.99
    assert unlike["coverage"] < 0.1
