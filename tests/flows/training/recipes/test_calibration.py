"""Each film is judged by a network that learned from other patients, and sigmoids are fitted to that."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from scipy.special import expit
from torch import nn

from filters.experts.ensemble import TOGETHER
from flows.figures.reliability import fold_of
from flows.material.real import Radiographs
from flows.material.scenes import Scenes
from flows.training.loop import Schedule
from flows.training.recipes import calibration
from flows.training.recipes.calibration import FOLDS, RECIPES, _fold, _kept, _out_of_fold, calibrate
from flows.training.recipes.findings import Recipe
from flows.training.sealing import amend, seal

COUNT = 900


@pytest.fixture
def films():
    """Patients with three films each, two thirds in the training part, and what a calibrated expert says."""
    rng, patients = np.random.default_rng(0), np.arange(COUNT) // 3
    logits = rng.normal(0, 1.5, COUNT)
    ill = rng.random(COUNT) < expit(logits)
    nih = Radiographs(
        names=[str(i) for i in range(COUNT)],
        images=np.zeros((COUNT, 8, 8), np.uint8),
        patients=patients,
        ages=np.full(COUNT, 50),
        sexes=np.array(["F"] * COUNT),
        views=np.array(["PA", "AP"] * (COUNT // 2)),
        labels=[frozenset({"Pneumonia" if i else "No Finding"}) for i in ill],
        boxes=[np.zeros((0, 4))] * COUNT,
        parts=np.where(patients % 3 == 0, "test", "train"),
    )
    return nih, logits


def test_overconfident_experts_are_mended_on_the_training_part_alone(films):
    nih, logits = films
    fitted, figures = calibrate(nih, 3 * logits, 2 * logits + 1)
    first, second = RECIPES
    assert fitted[first]["scale"] == pytest.approx(1 / 3, rel=0.25)
    assert fitted[second]["scale"] == pytest.approx(1 / 2, rel=0.25)
    assert fitted[second]["bias"] == pytest.approx(-1 / 2, abs=0.25)
    assert fitted[TOGETHER]["scale"] == pytest.approx(1, rel=0.25)
    for told in figures.values():
        assert told["images"] == COUNT
        assert told["ece"] < 0.06
    other = [
        frozenset({"Pneumonia"}) if p == "test" else n for n, p in zip(nih.labels, nih.parts, strict=True)
    ]
    again, changed = calibrate(replace(nih, labels=other), 3 * logits, 2 * logits + 1)
    assert again == fitted, "the labels of what is held out were not looked at"
    assert changed[TOGETHER]["opacities"] > figures[TOGETHER]["opacities"], "figures are of all films"


def test_no_network_learns_from_the_patients_that_it_judges(films, tmp_path, monkeypatch):
    nih, _ = films
    taught = {}

    class Says(nn.Module):
        def __init__(self, number):
            super().__init__()
            self.number = number

        def forward(self, x):
            return torch.zeros(len(x), 13, 4, 4), torch.full((len(x), 14), self.number)

    class Noted(Recipe):
        def lessons(self, nih, real, simulated, device):
            return nih

        def teach(self, lessons, out, run, seed, resume, scale):
            taught[run.name] = set(lessons.patients[lessons.parts == "train"].tolist())
            return Says(float(len(taught)))

    recipe = Noted("one", lambda: None, "none", 8, 3, Schedule(steps=1, lr=1e-3))
    real = Scenes(nih.images, nih.images, nih.images, np.ones(COUNT, bool), np.arange(COUNT), [""] * COUNT)
    monkeypatch.setattr(calibration, "RECIPES", {"one": recipe})
    monkeypatch.setattr(calibration, "load_scenes", lambda *a: (nih, real, real))
    options = (tmp_path, tmp_path, 0, "cpu", True, 1.0)
    _kept(tmp_path, "one", 0).parent.mkdir(parents=True)
    for k in range(FOLDS):
        assert _fold("one", k, options) == f"one-{k}"
    heard = _out_of_fold(nih, options)["one"]  # all were kept: none is made again
    fold = fold_of(nih.patients, FOLDS, 0)
    for k in range(FOLDS):
        judged = set(nih.patients[fold == k].tolist())
        assert judged
        assert not judged & taught[f"one-{k}"]
        assert set(heard[fold == k].tolist()) == {k + 1.0}


def test_figures_join_a_card_and_nothing_else_changes(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    seal(tmp_path, "An expert", ("nih",), "train it", {"seed": 1}, {"AUROC": 0.8}, "Notes stay.")
    before = (tmp_path / "README.md").read_text()
    amend(tmp_path, {"ECE": 0.04})
    after = (tmp_path / "README.md").read_text()
    told = yaml.safe_load(after.split("```yaml\n")[1].split("```")[0])
    assert told["metrics"] == {"AUROC": 0.8, "ECE": 0.04}
    assert after.replace("  ECE: 0.04\n", "") == before
