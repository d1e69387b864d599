"""The floor that the shipped image model must keep, measured as ``synthorax evaluate models`` does."""

import pytest
import yaml

from flows.evaluation.anatomy import lung_agreement
from flows.evaluation.controls import draw_pairs, moved
from flows.evaluation.generated import ImageStore, draw_sample
from flows.evaluation.shipped import write_card
from synth.findings import FINDINGS
from synth.generate import Synthesizer
from synth.settings import SynthesisSettings


@pytest.fixture(scope="module")
def store() -> ImageStore:
    return ImageStore(Synthesizer.load(SynthesisSettings()))


@pytest.mark.slow
def test_lungs_lie_where_they_were_asked(store):
    assert lung_agreement(draw_sample(store, 128))["evaluator"]["lung_dice"] >= 0.90


@pytest.mark.slow
def test_a_moved_lesion_changes_its_own_place_most(store):
    figures = {pairs.finding: moved(pairs) for pairs in draw_pairs(store, 16)}
    assert {"consolidation", "effusion", "nodule", "pneumothorax", "cardiomegaly"} <= set(figures)
    lateral = [f for name, f in figures.items() if FINDINGS[name].lateral]
    inside, elsewhere = (sum(f[k] for f in lateral) for k in ("inside", "elsewhere"))
    assert inside >= 2 * elsewhere


def test_a_card_gets_its_figures_where_its_metrics_stood(tmp_path):
    card = tmp_path / "README.md"
    card.write_text("# Title\n\n```yaml\nseed: 0\nmetrics:\n  old: 1\n```\n\nNotes.\n")
    write_card(card, {"lungs": 0.97})
    text = card.read_text()
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0]) == {
        "seed": 0,
        "metrics": {"lungs": 0.97},
    }
    assert text.endswith("```\n\nNotes.\n")
