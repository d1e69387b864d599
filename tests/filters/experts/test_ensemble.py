"""Two experts asked as one: the mean word of those who speak."""

import shutil

import filter_cases as make
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from filters.experts.embedded import CHECKPOINTS
from filters.experts.ensemble import MEMBERS, Ensemble, load_anatomy, load_findings
from filters.experts.lite import LiteExpert
from filters.experts.lite_networks import lite_network
from filters.experts.opinion import Opinion
from filters.panel import Panel
from filters.registry import FILTERS
from filters.settings import JudgeSettings
from synth.errors import WeightsError

FIRST, SECOND = MEMBERS["findings"]


class Witness:
    """Says the same of every image."""

    def __init__(self, opinion, findings=(), digest="a" * 64):
        self.opinion, self.findings, self.digest = opinion, findings, digest
        self.structures, self.name = opinion.structures, "witness"

    def look(self, images):
        return [self.opinion] * len(images)


def constant(value):
    return np.full((4, 4), value, np.float32)


IMAGES = np.zeros((2, 4, 4), np.uint8)


def test_maps_are_means_and_probabilities_means_of_logits_over_those_who_speak():
    first = Witness(
        Opinion(
            probabilities={"nodule": 0.2, "opacity": 0.5},
            lesions={"nodule": constant(0.4)},
            embedding=np.ones(3),
        ),
        ("nodule",),
    )
    second = Witness(
        Opinion(
            probabilities={"fracture": 0.9, "nodule": 0.6, "opacity": 0.7},
            lesions={"fracture": constant(0.3), "nodule": constant(0.8)},
        ),
        ("fracture", "nodule"),
        "b" * 64,
    )
    both = Ensemble([first, second])
    assert both.findings == ("fracture", "nodule")
    assert len(both.digest) == 64
    assert both.digest not in (first.digest, second.digest)
    for opinion in both.look(IMAGES):
        assert opinion.probabilities == pytest.approx(
            {"nodule": 0.3798, "opacity": 0.6044, "fracture": 0.9}, abs=1e-4
        )
        assert opinion.lesions["nodule"] == pytest.approx(constant(0.6))
        assert opinion.lesions["fracture"] == pytest.approx(constant(0.3))
        assert (opinion.embedding == 1).all()


def test_a_calibration_is_of_the_mean_logit():
    said = [Witness(Opinion(probabilities={"mass": p, "nodule": p}), ("mass", "nodule")) for p in (0.7, 0.9)]
    (opinion, _) = Ensemble(said, {"mass": {"scale": 2.0, "bias": -1.0}}).look(IMAGES)
    logit = (np.log(0.7 / 0.3) + np.log(0.9 / 0.1)) / 2
    assert opinion.probabilities["mass"] == pytest.approx(1 / (1 + np.exp(1 - 2 * logit)))
    assert opinion.probabilities["nodule"] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_certain_or_missing_words_do_not_break_the_mean():
    for certain in (0.0, 1.0):
        said = [Witness(Opinion(probabilities={"mass": p}), ("mass",)) for p in (certain, 0.5)]
        assert 0 < Ensemble(said).look(IMAGES)[0].probabilities["mass"] < 1
    unknown = Witness(Opinion(probabilities={"mass": float("nan")}), ("mass",))
    assert np.isnan(Ensemble([unknown]).look(IMAGES)[0].probabilities["mass"])


def test_structures_keep_their_own_channels_though_the_members_order_them_otherwise():
    def witness(structures, *values):
        return Witness(Opinion(structures, np.stack([constant(v) for v in values])))

    both = Ensemble(
        [witness(("heart", "right_lung", "left_lung"), 0.9, 0.2, 0.4), witness(("left_lung",), 0.8)]
    )
    assert both.structures == ("right_lung", "left_lung", "heart")
    (opinion, _) = both.look(IMAGES)
    assert [float(m[0, 0]) for m in opinion.anatomy] == pytest.approx([0.2, 0.6, 0.9])
    assert opinion.mask("left_lung").all()
    assert not opinion.mask("right_lung").any()


def test_every_filter_that_asks_an_expert_asks_two_that_ship():
    panel = Panel.load(JudgeSettings())
    for name, expert in panel.experts.items():
        assert len(expert.members) == 2, name
        networks = {
            type(m.network).__name__ + str(sum(p.numel() for p in m.network.parameters()))
            for m in expert.members
        }
        assert len(networks) == 2, name
    assert panel.embedder is panel.experts["anatomy_agreement"], "each image is looked at once"
    for folder in (name for names in MEMBERS.values() for name in names):
        assert f"filters/{folder}/model.safetensors" in panel.digests
    assert FILTERS["anatomy_agreement"].threshold > 0.85


def test_the_shipped_experts_agree_on_lungs_but_are_not_the_same():
    image = np.stack([make.textured(k, 128) for k in range(2)])
    members = load_anatomy().members
    first, second = (np.stack([o.anatomy[:2] for o in m.look(image)]) for m in members)
    assert ((first > 0.5) == (second > 0.5)).mean() > 0.7
    assert np.abs(first - second).max() > 0.1


def test_a_folder_without_second_experts_is_asked_alone(tmp_path):
    shutil.copytree(CHECKPOINTS / FIRST, tmp_path / FIRST)
    assert isinstance(load_findings(tmp_path), LiteExpert)


def test_a_second_expert_whose_weights_are_not_its_own_is_refused(tmp_path):
    for name in MEMBERS["findings"]:
        shutil.copytree(CHECKPOINTS / name, tmp_path / name)
    torch.manual_seed(0)
    save_file(lite_network("lite1").state_dict(), tmp_path / SECOND / "model.safetensors")
    with pytest.raises(WeightsError, match=SECOND):
        load_findings(tmp_path)


def test_both_doubt_what_they_could_not_tell_together_on_real_films():
    expert = load_findings()
    (opinion,) = expert.look(make.textured(0)[None])
    assert opinion.doubted == expert.doubted
    assert opinion.doubted < set(expert.findings)


def test_neither_vouches_for_maps_of_findings_that_nobody_outlined_in_real_films():
    (opinion,) = load_findings().look(make.textured(0)[None])
    assert opinion.unplaced == {"emphysema", "fibrosis", "pleural_thickening"}
    assert opinion.unplaced < set(opinion.lesions)


def test_a_map_is_vouched_for_when_one_of_both_vouches_for_it():
    class Says:
        findings, structures, name, digest = ("mass", "nodule"), (), "one", ""

        def __init__(self, unplaced):
            self.unplaced = frozenset(unplaced)

        def look(self, images):
            maps = {name: np.zeros((4, 4), np.float32) for name in self.findings}
            return [Opinion(lesions=maps, unplaced=self.unplaced) for _ in images]

    (opinion,) = Ensemble([Says({"mass", "nodule"}), Says({"mass"})]).look(np.zeros((1, 4, 4), np.uint8))
    assert opinion.unplaced == {"mass"}
