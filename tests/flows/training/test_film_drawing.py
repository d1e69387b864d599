"""The film network is taught against frozen features, held to rough films and lesions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_films import check_resumes, noise_films
from torch import nn

from flows.training.adversary import Adversary, hinge
from flows.training.film_drawing import Drawing, DrawingStage, lesion_loss, within
from flows.training.one_pass_films import OnePassFilms, joined
from flows.training.recipes.one_pass import write_model
from synth.findings import FINDING_NAMES
from synth.images.one_pass.model import OnePassModel
from synth.images.one_pass.networks import FilmNetwork, FineNetwork, RoughNetwork

STAGE = DrawingStage(128, 2, 2, 1e-3, 1e-3, lesions_from=0)

pytestmark = pytest.mark.usefixtures("random_backbone")


class Guide(nn.Module):
    """Says that there is what is bright."""

    def forward(self, x):
        bright = nn.functional.avg_pool2d(x, 4).expand(-1, len(FINDING_NAMES) + 1, -1, -1)
        return bright, bright.mean((2, 3))


@pytest.fixture(scope="module")
def films():
    return noise_films(128, 6)


def test_it_resumes_to_the_same_weights(films, tmp_path, monkeypatch):
    def taught(run, steps, resume):
        torch.manual_seed(1)
        drawing = Drawing(FilmNetwork(), Adversary(), Guide(), run)
        drawing.teach(films, replace(STAGE, steps=steps), 3, "cpu", resume)
        return drawing

    check_resumes(taught, tmp_path, monkeypatch)


def test_features_and_mixing_are_frozen_and_the_heads_learn(films, tmp_path):
    torch.manual_seed(1)
    judge, network = Adversary(), FilmNetwork()
    before = {k: v.clone() for k, v in judge.state_dict().items()}
    Drawing(network, judge, Guide(), tmp_path).teach(films, STAGE, 3, "cpu", False)
    for name, value in judge.state_dict().items():
        if not name.startswith("heads"):
            assert torch.equal(value, before[name]), name
    assert any(not torch.equal(v, before[k]) for k, v in judge.state_dict().items() if k.startswith("heads"))


def test_the_finest_heads_see_no_masks(films):
    judge = Adversary().eval()
    batch = films.batch(np.random.default_rng(0), 2)
    with torch.no_grad():
        mixed, _ = judge.mixed(batch.films)
        first = judge.judge(mixed, batch.masks, batch.patient)
        second = judge.judge(mixed, 0 * batch.masks, batch.patient)
    same = [torch.equal(a, b) for a, b in zip(first, second, strict=True)]
    assert same == [True, True, False, False, False]


def test_the_hinge_is_nothing_where_all_are_told_apart():
    assert hinge([torch.ones(3)], [-torch.ones(3)]) == 0
    assert hinge([torch.zeros(3)] * 2, [torch.zeros(3)] * 2) == 4


def test_a_lesion_that_is_not_seen_costs_more_than_one_that_is():
    masks = torch.zeros(2, 13, 64, 64)
    masks[:, 3, 20:40, 20:40] = 1
    there = torch.zeros(2, 13)
    there[:, 3] = 1
    dark = -torch.ones(2, 1, 256, 256)
    bright = dark.clone()
    bright[..., 80:160, 80:160] = 1
    known = torch.zeros(2, 13)
    costs = [float(lesion_loss(Guide(), x, masks, known, there)) for x in (dark, bright)]
    assert costs[1] < 0.5 * costs[0]


def test_no_map_holds_a_film_to_its_nodules():
    k = FINDING_NAMES.index("nodule")
    masks, there = torch.zeros(2, 13, 64, 64), torch.zeros(2, 13)
    masks[:, k, 30:33, 30:33], there[:, k] = 1, 1
    films = [x * torch.ones(2, 1, 256, 256) for x in (-1.0, 1.0)]
    assert [float(lesion_loss(Guide(), x, masks, there, there)) for x in films] == [0, 0]


def test_a_film_is_held_to_another_within_lesions_alone():
    real, masks = torch.zeros(2, 1, 256, 256), torch.zeros(2, 13, 64, 64)
    masks[0, 3, 10:20, 10:20] = 1
    elsewhere, inside = real.clone(), real.clone()
    elsewhere[:, :, 120:] = 1
    inside[:, :, 40:80, 40:80] = 1
    assert within(elsewhere, real, masks) == 0
    assert within(inside, real, masks) == 0.5  # one of two films has a lesion


def test_folders_join_at_one_size_by_their_shares(films):
    larger = OnePassFilms(
        **{**vars(films), "images": films.images.repeat(2, 1).repeat(2, 2)},
    )
    both = joined([larger, films], 128, (0.75, 0.25))
    assert np.array_equal(both.images[:6], films.images)
    assert both.odds[:6].sum() == pytest.approx(0.75)


def test_what_is_written_is_what_is_loaded(tmp_path):
    rough, film, fine = RoughNetwork(), FilmNetwork(), FineNetwork()
    folder = write_model(tmp_path / "one_pass", rough, film, fine, {"seed": 0})
    model = OnePassModel.load(folder)
    for kept, made in ((model.film, film), (model.rough, rough), (model.fine, fine)):
        for name, value in made.state_dict().items():
            if value.is_floating_point():
                step = value.abs().max() / 100 + 1e-3
                assert (kept.state_dict()[name] - value).abs().max() <= step, name
