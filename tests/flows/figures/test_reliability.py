"""Calibration errors of models whose calibration is known."""

import numpy as np
import pytest

from flows.figures.reliability import (
    calibrated_would_show,
    cross_fitted,
    debiased,
    debiased_l2,
    fold_of,
    opacity_figures,
    plug_in,
    reliability,
)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_many_images_of_a_calibrated_model_show_no_error(rng):
    p = rng.random(200_000)
    curve = reliability(p, rng.random(len(p)) < p)
    assert plug_in(curve) < 0.01
    assert debiased(curve) < 0.005


def test_a_known_gap_is_measured(rng):
    p = np.full(100_000, 0.8)
    curve = reliability(p, rng.random(len(p)) < 0.6)
    assert plug_in(curve) == pytest.approx(0.2, abs=0.01)
    assert debiased(curve) == pytest.approx(0.2, abs=0.01)
    assert debiased_l2(curve) == pytest.approx(0.2, abs=0.01)


def test_bins_have_equal_mass():
    p = np.linspace(0, 1, 103)
    assert set(reliability(p, p > 0.5, 10).count) == {10, 11}


def test_on_few_images_debiasing_takes_noise_off(rng):
    plain, better, squared = [], [], []
    for _ in range(40):
        p = rng.random(240)
        curve = reliability(p, rng.random(240) < p)
        plain.append(plug_in(curve))
        better.append(debiased(curve))
        squared.append(debiased_l2(curve))
    assert np.mean(plain) > 0.05
    assert np.mean(better) < 0.75 * np.mean(plain)
    assert np.mean(np.array(squared) == 0) > 0.25
    assert calibrated_would_show(rng.random(240)).mean() == pytest.approx(np.mean(plain), abs=0.02)


def test_an_overconfident_model_errs_more_than_calibrated_ones_do(rng):
    z = rng.normal(0, 1, 400)
    truth = rng.random(400) < 1 / (1 + np.exp(-z))
    patients, views = np.arange(400), np.where(np.arange(400) % 2, "PA", "AP")
    shipped = {}
    for name, scale in (("right", 1), ("overconfident", 4)):
        figures, _ = opacity_figures(1 / (1 + np.exp(-scale * z)), truth, patients, views)
        shipped[name] = figures["as_shipped"]
    assert shipped["right"]["share_of_calibrated_with_as_much"] > 0.05
    assert shipped["overconfident"]["share_of_calibrated_with_as_much"] == 0
    assert shipped["overconfident"]["ece"] > 2 * shipped["overconfident"]["ece_of_a_calibrated_model"]


def test_cross_fitting_mends_overconfidence_without_seeing_the_image_itself(rng):
    z = rng.normal(0, 1, 4000)
    truth = rng.random(4000) < 1 / (1 + np.exp(-z))
    p = 1 / (1 + np.exp(-4 * z))
    groups = np.repeat(np.arange(2000), 2)
    assert plug_in(reliability(p, truth)) > 0.15
    assert plug_in(reliability(cross_fitted(p, truth, groups), truth)) < 0.04


def test_groups_stay_in_one_fold():
    groups = np.repeat(np.arange(50), 3)
    fold = fold_of(groups, 5)
    assert set(fold) == set(range(5))
    assert all(len(set(fold[groups == g])) == 1 for g in range(50))


def test_opacity_figures_of_a_perfect_model(rng):
    truth = rng.random(200) < 0.5
    figures, curve = opacity_figures(
        np.where(truth, 0.99, 0.01), truth, np.arange(200), np.tile(["PA", "AP"], 100)
    )
    assert figures["auroc"] == 1
    assert figures["auroc_by_view"] == {"PA": 1, "AP": 1}
    assert curve.count.sum() == 200
