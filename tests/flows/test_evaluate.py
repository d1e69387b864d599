"""The floor that the shipped image model must keep, measured as ``python -m flows.evaluate`` does."""

import pytest

from flows.evaluate import lung_agreement, moved_lesions
from synth.generate import SynthesisSettings, Synthesizer


@pytest.fixture(scope="module")
def maker() -> Synthesizer:
    return Synthesizer.load(SynthesisSettings())


@pytest.mark.slow
def test_lungs_lie_where_they_were_asked(maker):
    assert lung_agreement(maker, 128)["lung_dice"] >= 0.90


@pytest.mark.slow
def test_a_moved_lesion_changes_its_own_place_most(maker):
    moved = moved_lesions(maker, 16)
    assert {"consolidation", "effusion", "nodule", "pneumothorax"} <= set(moved)
    inside, elsewhere = (sum(m[k] for m in moved.values()) for k in ("inside", "elsewhere"))
    assert inside >= 2 * elsewhere
