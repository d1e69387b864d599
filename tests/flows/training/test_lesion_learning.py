"""What experts on lesions are shown: scenes, their twins without lesions, and real opacities."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from flows.material.real import Radiographs
from flows.material.scenes import Scenes
from flows.training.lesion_learning import OPACITY_CHANNELS, Lessons, warped
from flows.training.recipes.findings import write_expert
from synth.findings import FINDING_NAMES

SIZE, COUNT = 128, 24
NODULE, FRACTURE = FINDING_NAMES.index("nodule"), FINDING_NAMES.index("fracture")


def scenes(lesions):
    count = len(lesions)
    images = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE), np.uint8)
    empty = np.zeros((count, SIZE, SIZE), np.uint8)
    return Scenes(images, empty, lesions, np.ones(count, bool), np.arange(count) % 2, [""] * count)


@pytest.fixture
def lessons():
    """Images PA and AP in turn, all but the first two ill; fractures simulated in those two."""
    normal = [True, True] + [False] * (COUNT - 2)
    nih = Radiographs(
        names=[str(i) for i in range(COUNT)],
        images=np.zeros((COUNT, SIZE, SIZE), np.uint8),
        patients=np.arange(COUNT),
        ages=np.full(COUNT, 50),
        sexes=np.array(["F"] * COUNT),
        views=np.array(["PA", "AP"] * (COUNT // 2)),
        labels=[frozenset({"No Finding" if n else "Pneumonia"}) for n in normal],
        boxes=[np.zeros((0, 4))] * COUNT,
        parts=np.array(["train"] * COUNT),
    )
    drawn = np.zeros((4, SIZE, SIZE), np.uint16)
    drawn[:, 40:60, 50:80] = 1 << FRACTURE
    real = scenes(np.zeros((COUNT, SIZE, SIZE), np.uint16))
    return Lessons.of(nih, real, scenes(drawn), size=64, batch=12, device="cpu")


def test_a_twin_is_warped_as_its_scene_and_others_are_not():
    lesions = np.zeros((3, SIZE, SIZE), np.uint16)
    lesions[:, 30:90, 20:70] = 1 << NODULE
    some = np.arange(3)
    part = scenes(lesions)
    x, y = warped(((part, some), (part, some), (part, some)), np.random.default_rng(1), 64)
    assert x.shape == (9, 1, 64, 64)
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    assert torch.equal(y[:3], y[3:6])
    assert not torch.equal(y[:3], y[6:])
    assert set(y.unique().tolist()) == {0, 1}
    assert (y.sum((0, 2, 3)) > 0).nonzero().flatten().tolist() == [NODULE]


def test_the_ill_are_drawn_by_view_and_are_never_normal(lessons):
    assert [i.tolist() for i in lessons.ill] == [[*range(2, COUNT, 2)], [*range(3, COUNT, 2)]]


def test_scenes_with_faint_findings_are_drawn_more_often(lessons):
    drawn = np.zeros((4, SIZE, SIZE), np.uint16)
    drawn[:, 10:30, 10:30] = 1 << FINDING_NAMES.index("mass")
    drawn[2, 40:60, 50:80] = 1 << FRACTURE
    taught = Lessons.of(lessons.nih, lessons.real, scenes(drawn), size=64, batch=12, device="cpu")
    assert taught.odds.tolist() == pytest.approx([1 / 5.5, 1 / 5.5, 2.5 / 5.5, 1 / 5.5])


def test_the_loss_is_least_for_what_the_scenes_hold(lessons):
    """A network that says of each third what is true of it beats one that says nothing."""

    def network(sure):
        def answer(x):
            lesions = torch.full((12, len(FINDING_NAMES), 32, 32), -9.0)
            findings = torch.full((12, len(FINDING_NAMES) + 1), -9.0 * sure)
            findings[:4, FRACTURE] = 9 * sure
            findings[8:, -1] = 9 * sure
            return lesions, findings

        return answer

    right, mute, wrong = (float(lessons.loss(network(s), np.random.default_rng(0))) for s in (1, 0, -1))
    assert right < mute < wrong
    assert FRACTURE not in OPACITY_CHANNELS


class Brightness(torch.nn.Module):
    """Says fracture as loudly as an image is bright, and the same of everything else."""

    def forward(self, x):
        findings = torch.zeros(len(x), len(FINDING_NAMES) + 1)
        findings[:, FRACTURE] = findings[:, -1] = x.mean((1, 2, 3))
        return torch.zeros(len(x), len(FINDING_NAMES), 4, 4), findings


def test_an_expert_speaks_of_no_finding_that_it_sees_at_chance(lessons, tmp_path):
    held = replace(lessons.nih, parts=np.array(["calibration", "test"] * (COUNT // 2)))
    drawn = np.zeros((8, SIZE, SIZE), np.uint16)
    drawn[:4, 40:60, 50:80] = 1 << FRACTURE
    drawn[::2, 10:30, 10:30] |= 1 << NODULE
    simulated = scenes(drawn)
    simulated.images[:] = np.where((drawn >> FRACTURE & 1).any((1, 2)), 200, 60)[:, None, None]
    taught = replace(lessons, nih=held, simulated=simulated)
    figures = write_expert(tmp_path, Brightness(), taught, 0.6)
    spoken = json.loads((tmp_path / "config.json").read_text())["findings"]
    assert figures["AUROC of simulated findings"]["fracture"] == 1
    assert figures["AUROC of simulated findings"]["nodule"] == 0.5
    assert "fracture" in spoken
    assert "nodule" not in spoken
    assert "mass" in spoken, "never drawn, so not refuted"
    write_expert(tmp_path, Brightness(), taught)
    assert "nodule" in json.loads((tmp_path / "config.json").read_text())["findings"]
