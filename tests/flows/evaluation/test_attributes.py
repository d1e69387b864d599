"""Attributes of prompts against what an evaluator says."""

from dataclasses import replace

import numpy as np
import pytest

from filters.experts.evaluators import Attributes
from flows.evaluation.attributes import OLD, YOUNG, aged, draw_aged, recovered
from flows.evaluation.generated import ImageStore
from synth.cases import Case, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES
from synth.settings import SynthesisSettings


def cases(count, silent=0):
    rng = np.random.default_rng(0)
    told = [
        Case(f"{i:09d}", 0, "", (), int(rng.integers(20, 90)), ("F", "M")[i % 2], ("PA", "AP")[i // 2 % 2])
        for i in range(count)
    ]
    return told + [Case(f"{i:09d}", 0, "") for i in range(silent)]


def test_a_seer_recovers_all_and_silent_prompts_are_left_out():
    asked = cases(80, silent=5)
    seen = Attributes(
        np.array([c.sex == "F" for c in asked], float),
        np.array([c.view == "PA" for c in asked], float),
        np.array([(c.age or 0) + 2.0 for c in asked]),
    )
    figures = recovered(seen, asked, average_age=30)
    assert figures["sex"]["auroc"] == figures["view"]["auroc"] == 1
    assert figures["sex"]["images"] == figures["age"]["images"] == 80
    assert figures["age"]["error"] == 2
    ages = np.array([c.age for c in asked[:80]])
    assert figures["age"]["error_without_looking"] == pytest.approx(np.abs(ages - 30).mean(), abs=0.01)
    assert figures["age"]["correlation"] == 1


def test_a_guesser_is_at_chance_and_its_interval_says_so():
    rng = np.random.default_rng(1)
    asked = cases(400)
    seen = Attributes(rng.random(400), rng.random(400), rng.uniform(20, 90, 400))
    figures = recovered(seen, asked, average_age=55)
    low, high = figures["sex"]["interval"]
    assert low < 0.5 < high
    assert figures["age"]["correlation"] == pytest.approx(0, abs=0.15)
    assert figures["age"]["error"] > figures["age"]["error_of_the_best_constant"]


class Ageing:
    """Draws grey levels as high as patients are old, and reads them off again."""

    settings = SynthesisSettings(size=16, batch_size=4)
    digests = {"unet": "1"}  # noqa: RUF012
    findings = FINDING_NAMES

    def __init__(self):
        self.drawn = []

    def masks(self, case):
        return MaskSet(np.zeros((len(ANATOMY), 16, 16), bool))

    def radiographs(self, cases, masks):
        self.drawn += cases
        return np.stack([np.full((16, 16), c.age, np.uint8) for c in cases])

    def look(self, images):
        nobody = np.zeros(len(images))
        return Attributes(nobody, nobody, images.mean((1, 2)))


def test_pairs_of_patients_differ_in_age_alone():
    maker = Ageing()
    young, old = draw_aged(ImageStore(maker), 6)
    assert (young == YOUNG).all()
    assert (old == OLD).all()
    for one, other in zip(maker.drawn[:6], maker.drawn[6:], strict=True):
        assert other.prompt == one.prompt.replace(f"{YOUNG}-year", f"{OLD}-year") != one.prompt
        assert replace(other, age=YOUNG, prompt=one.prompt) == one


def test_who_is_seen_as_older_is_counted():
    young, old = np.full((8, 4, 4), 40), np.full((8, 4, 4), 46)
    old[0] = 38
    got = aged(Ageing(), young, old)
    assert (got["years"], got["share"], got["asked"]) == (5, 0.875, 50)
    assert got["interval"][0] < 5 < got["interval"][1]
