"""The network of fine films learns on windows, what it refines stays, and it resumes to the same weights."""

import numpy as np
import pytest
import torch
from small_films import check_resumes, noise_films

from flows.training.adversary import Adversary
from flows.training.contest import Rates
from flows.training.fine_drawing import HEADS, FineDrawing, _windows
from synth.images.one_pass.networks import FilmNetwork, FineNetwork

pytestmark = pytest.mark.usefixtures("random_backbone")


@pytest.fixture(scope="module")
def films():
    return noise_films(512, 3)


def test_it_resumes_to_the_same_weights(films, tmp_path, monkeypatch):
    def taught(run, steps, resume):
        torch.manual_seed(1)
        drawing = FineDrawing(FineNetwork(), FilmNetwork(), Adversary(), run)
        drawing.teach(films, 1, Rates(steps, 1e-3, 1e-3), 3, "cpu", resume)
        return drawing

    check_resumes(taught, tmp_path, monkeypatch)


def test_the_film_and_the_coarser_heads_stay_and_the_others_learn(films, tmp_path):
    torch.manual_seed(1)
    network, film, judge = FineNetwork(), FilmNetwork(), Adversary()
    before = {id(m): {k: v.clone() for k, v in m.state_dict().items()} for m in (network, film, judge)}
    FineDrawing(network, film, judge, tmp_path).teach(films, 1, Rates(1, 1e-3, 1e-3), 3, "cpu", False)
    for name, value in film.state_dict().items():
        assert torch.equal(value, before[id(film)][name]), name
    moved = {k for k, v in judge.state_dict().items() if not torch.equal(v, before[id(judge)][k])}
    assert {name.split(".")[1] for name in moved} <= {str(i) for i in range(HEADS)}
    assert all(name.startswith("heads.") for name in moved)
    assert moved
    assert not torch.equal(network.grey512.weight, before[id(network)]["grey512.weight"])


def test_windows_of_films_features_and_masks_lie_in_the_same_place():
    cells = torch.arange(64.0)
    place = torch.stack([cells[:, None].expand(64, 64), cells.expand(64, 64)])[None]
    large = place.repeat_interleave(8, 2).repeat_interleave(8, 3)
    corners = np.array([[[3, 40]], [[47, 1]]])
    for x in (place, large):
        found = _windows(x, corners, 0, 16)
        assert found[:, :, 0, 0].tolist() == [[3, 40], [47, 1]]
        assert found[:, :, -1, -1].tolist() == [[18, 55], [62, 16]]
    assert _windows(large, corners, 1, 18)[:, :, 8, 8].tolist() == [[3, 40], [47, 1]]
