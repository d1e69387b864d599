"""Figures of the controllers, on changes drawn by hand and on two small requests."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from filters.experts.opinion import Opinion
from flows.evaluation.xreal import change, draw_requests, lesion_peaks, lung_dice, measure
from synth.findings import ANATOMY, FINDING_NAMES
from synth.generate import Synthesizer
from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.control_presets import HINTED, Stage
from synth.images.frozen.rough_latents import RoughLatents
from synth.settings import SynthesisSettings


class Judge:
    """Says that each image has the lungs of ``masks``, and every finding at its top left alone."""

    name, digest, findings, structures = "judge", "", FINDING_NAMES, ANATOMY

    def __init__(self, masks):
        self.masks = masks

    def look(self, images):
        size = images.shape[-1]
        lesions = {n: np.eye(1, size * size, dtype=np.float32).reshape(size, size) for n in FINDING_NAMES}
        return [
            Opinion(self.structures, anatomy=m.anatomy.astype(np.float32), lesions=lesions)
            for m in self.masks
        ]


@pytest.fixture(scope="module")
def maker():
    return Synthesizer.load(SynthesisSettings(size=64))


def test_change_is_told_inside_and_outside():
    before, mask = np.full((1, 8, 8), 100, np.uint8), np.zeros((8, 8), bool)
    mask[:2] = True
    after = before.copy()
    after[0, :2], after[0, 2:] = 160, 98
    assert change(before, after, [mask]) == (60, 2)


def test_requests_have_a_prompt_and_a_mask_for_each_finding(maker):
    for request in draw_requests(maker, 2, 3):
        assert len(request.findings) == len(request.prompts) == len(request.lesions) == 2
        assert request.lesions.any((1, 2)).all()
        assert all(request.prompts)


def test_two_small_requests_are_measured(maker):
    requests = draw_requests(maker, 2, 2)
    judge = Judge([r.masks for r in requests])
    base = FrozenDenoiser.of_model(maker.imager)
    quick = replace(HINTED, anatomy=Stage(2, kept=0.5), pathology=Stage(2))
    figures = measure(base, RoughLatents.load(), (judge, judge), requests, quick, hinted=True)
    assert figures["lung_dice"] == figures["lung_dice_lesions"] == 1
    assert figures["passes"] == quick.passes(2) == 8
    assert figures["found"] == 0.5, "the judge sees no difference"
    assert figures["inside"] > figures["outside"]
    assert lung_dice(judge, np.zeros((2, 64, 64), np.uint8), requests) == 1
    assert lesion_peaks(judge, np.zeros((2, 64, 64), np.uint8), requests).max() == 0
    assert torch.is_grad_enabled()
