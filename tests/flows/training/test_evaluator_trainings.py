"""Trainings of the evaluators in a few steps: they seal what loads, and learn from no test image."""

import numpy as np
import pytest
import yaml

from filters.evaluators import AttributeEvaluator, load_lung_evaluator
from filters.experts import CHECKPOINTS
from flows.train import NAMES, train
from flows.training.evaluator_attributes import without_markers
from synth.radiographs import normalise_exposure, read_radiograph, to_uint8


def card_of(folder):
    text = (folder / "README.md").read_text()
    return yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])


def test_all_three_have_names_after_what_they_learn_from():
    assert NAMES[-3:] == ("evaluator_anatomy", "evaluator_attributes", "evaluator_lesions")


@pytest.mark.slow
def test_a_few_steps_seal_what_loads(shared_data, tmp_path):
    lungs = train("evaluator_anatomy", shared_data, tmp_path, scale=0.01)
    assert load_lung_evaluator(lungs).structures == ("right_lung", "left_lung")
    attributes = train("evaluator_attributes", shared_data, tmp_path, scale=0.01)
    seen = AttributeEvaluator.load(attributes).look(np.zeros((2, 64, 64), np.uint8))
    assert np.isfinite(seen.age).all()
    for folder in (lungs, attributes):
        assert {"data", "command", "training", "metrics"} <= card_of(folder).keys()


def test_the_shipped_cards_keep_their_floors():
    lungs = card_of(CHECKPOINTS / "evaluator_anatomy")["metrics"]["held-out human masks"]
    assert lungs["lung_dice"] >= 0.94
    held = card_of(CHECKPOINTS / "evaluator_attributes")["metrics"]["held-out patients"]
    assert held["sex_auroc"] >= 0.75
    assert held["view_auroc"] >= 0.85
    assert held["age_error"] < held["age_error_of_the_mean"]


def test_markers_far_from_the_lungs_are_removed(shared_data):
    path = next((shared_data / "lungs" / "masks").glob("*.png"))
    film = read_radiograph(shared_data / "lungs" / "images" / f"{path.stem}.jpg", 256)
    marked = to_uint8(normalise_exposure(film))[None].copy()
    marked[0, 4:9, 4:9] = 255
    assert without_markers(marked)[0, 6, 6] < 200
