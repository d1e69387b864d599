"""Trainings of the evaluators in a few steps: they seal what loads, and learn from no test image."""

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from filters.experts.embedded import CHECKPOINTS, WEIGHTS
from filters.experts.evaluators import load_lung_evaluator
from flows.training.recipes.evaluator_attributes import (
    FOLDS,
    WARPED,
    augmented,
    folds,
    ridge,
    without_markers,
)
from flows.training.registry import NAMES, train
from synth.images.radiographs import normalise_exposure, read_radiograph, to_uint8


def card_of(folder):
    text = (folder / "README.md").read_text()
    return yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])


def test_the_attributes_come_after_what_they_are_read_off():
    assert NAMES[-3:] == ("evaluator_anatomy", "evaluator_lite2", "evaluator_attributes")


@pytest.mark.slow
def test_a_few_steps_seal_what_loads(shared_data, tmp_path):
    lungs = train("evaluator_anatomy", shared_data, tmp_path, scale=0.01)
    assert load_lung_evaluator(lungs).structures == ("right_lung", "left_lung")
    assert {"data", "command", "training", "metrics"} <= card_of(lungs).keys()


@pytest.mark.slow
def test_the_attributes_repeat_from_their_command(shared_data, tmp_path):
    again = train("evaluator_attributes", shared_data, tmp_path)
    ours, shipped = (load_file(f / WEIGHTS) for f in (again, CHECKPOINTS / "evaluator_attributes"))
    assert ours.keys() == shipped.keys()
    for name, value in shipped.items():
        off = np.linalg.norm(ours[name] - value, axis=0) / np.linalg.norm(value, axis=0)
        assert (off < 1e-3).all(), (name, off)  # another processor rounds the encoders' features otherwise
    assert {"data", "command", "training", "metrics"} <= card_of(again).keys()


def test_ridge_finds_what_is_linear_and_shrinks_what_is_noise():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 400))
    x -= x.mean(0)
    truth = 5 * x[:, :40].mean(1) * 40**0.5
    fold = folds(np.arange(300), rng)
    weights, bias, penalties = ridge(x, np.stack([truth + 50, rng.standard_normal(300)], 1), fold)
    new = rng.standard_normal((500, 400))
    said = new @ weights + bias
    assert np.corrcoef(said[:, 0], new[:, :40].mean(1))[0, 1] > 0.6
    assert said[:, 0].mean() == pytest.approx(50, abs=1)
    assert penalties[1] > 10 * penalties[0]
    assert said[:, 1].std() < 0.3


def test_images_of_a_patient_share_their_fold():
    patients = np.random.default_rng(0).integers(0, 40, 200)
    fold = folds(patients, np.random.default_rng(1))
    assert all(len(set(fold[patients == p])) == 1 for p in set(patients))
    assert set(fold) == set(range(FOLDS))


def test_views_of_an_image_are_the_image_and_others_like_it():
    images = (np.indices((64, 64)).sum(0)[None] * 2).astype(np.uint8).repeat(3, 0)
    views = augmented(images, np.random.default_rng(0))
    assert len(views) == WARPED + 1
    assert np.array_equal(views[0], images)
    for view in views[1:]:
        assert view.dtype == np.uint8
        assert 1 < np.abs(view.astype(int) - images).mean() < 60


def test_the_shipped_cards_keep_their_floors():
    lungs = card_of(CHECKPOINTS / "evaluator_anatomy")["metrics"]["held-out human masks"]
    assert lungs["lung_dice"] >= 0.94
    held = card_of(CHECKPOINTS / "evaluator_attributes")["metrics"]["held-out patients"]
    assert held["sex_auroc"] >= 0.85
    assert held["view_auroc"] >= 0.95
    assert held["age_error"] < held["age_error_of_the_mean"] - 4
    assert held["age_correlation_of_adults"] >= 0.5


def test_markers_far_from_the_lungs_are_removed(shared_data):
    path = next((shared_data / "lungs" / "masks").glob("*.png"))
    film = read_radiograph(shared_data / "lungs" / "images" / f"{path.stem}.jpg", 256)
    marked = to_uint8(normalise_exposure(film))[None].copy()
    marked[0, 4:9, 4:9] = 255
    assert without_markers(marked)[0, 6, 6] < 200
