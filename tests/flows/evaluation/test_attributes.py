"""Attributes of prompts against what an evaluator says."""

import numpy as np
import pytest

from filters.evaluators import Attributes
from flows.evaluation.attributes import recovered
from synth.cases import Case


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
    figures = recovered(seen, asked)
    assert figures["sex"]["auroc"] == figures["view"]["auroc"] == 1
    assert figures["sex"]["images"] == figures["age"]["images"] == 80
    assert figures["age"]["error"] == 2
    assert figures["age"]["correlation"] == 1


def test_a_guesser_is_at_chance_and_its_interval_says_so():
    rng = np.random.default_rng(1)
    asked = cases(400)
    seen = Attributes(rng.random(400), rng.random(400), rng.uniform(20, 90, 400))
    figures = recovered(seen, asked)
    low, high = figures["sex"]["interval"]
    assert low < 0.5 < high
    assert figures["age"]["correlation"] == pytest.approx(0, abs=0.15)
    assert figures["age"]["error"] > figures["age"]["error_of_the_best_constant"]
