"""Experts are reported side by side, what a film's outlines say beside what labels say."""

import numpy as np
import pytest
from mass_films import COUNT, SIDE, Seer, mass_films

from flows.evaluation.experts import evaluate_experts, markdown, of_one, overlap
from flows.material.opacities import Outlined
from synth.errors import UserError


@pytest.fixture
def films():
    return mass_films()


def test_overlap_with_outlines():
    bits = np.zeros((2, SIDE, SIDE), np.uint8)
    bits[0, 2, 12] = 2  # ground glass where the seer sees
    films = Outlined(["a", "b"], np.zeros((2, SIDE, SIDE), np.uint8), bits)
    figures = overlap(Seer(), films)
    assert figures["films"] == 1  # the other shows none
    assert figures["dice"] == {"0.3": 1.0, "0.5": 1.0, "0.7": 1.0}


def test_the_report_is_a_table_of_experts_that_marks_missed_bars(films):
    poor = of_one(Seer(12), films)
    figures = {"part": "test", "films": COUNT, "patients": 40}
    text = markdown(figures | {"experts": {"good": of_one(Seer(), films), "poor": poor}})
    lines = text.splitlines()
    assert lines[0].startswith("80 real films of 40 patients")
    assert "| mass (20) | 1.000 [1.00, 1.00] | 1.000 [1.00, 1.00] |" in lines
    assert "| Mass (20 films, chance 0.25) | 1.00 [1.00, 1.00] | **0.00** [0.00, 0.00] |" in lines
    assert any("at most" in line for line in lines)
    assert "| Dice of outlined opacities | – | – |" in lines


def test_a_part_that_there_is_not_is_told(tmp_path):
    with pytest.raises(UserError, match="part: 'train', expected one of experts, evaluators, test"):
        evaluate_experts(tmp_path, "train", (), None)
