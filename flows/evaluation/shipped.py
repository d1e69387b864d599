"""The figures of what ships: ``synthorax evaluate models``.

Each figure is at home in a module of :mod:`flows.evaluation`; here they are gathered. Those that compare
with real radiographs need ``--data``, laid out like shared/data. The radiographs measured are kept in
``--out``/generated.npz, so that an interrupted run goes on; figures.md there holds the tables of
docs/benchmarks.md.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from filters.experts.evaluators import AttributeEvaluator, load_finding_evaluator
from flows.evaluation.anatomy import lung_agreement
from flows.evaluation.attributes import aged, draw_aged, recovered
from flows.evaluation.comparison import against_real
from flows.evaluation.controls import draw_pairs, moved
from flows.evaluation.copies import alter, copy_figures
from flows.evaluation.generated import ImageStore, Judged, draw_alike, draw_sample, judged
from flows.evaluation.held_out import anatomy_figures, codec_figures
from flows.evaluation.real import load_real
from flows.evaluation.requested import draw_normals, found, summed_up
from flows.evaluation.tables import tables
from flows.training.loop import console
from synth.generate import Synthesizer
from synth.images.model import ImageModel
from synth.settings import SynthesisSettings


def control_figures(store: ImageStore, pairs: int) -> dict[str, Any]:
    """Of each finding: does it move with its mask, and does the findings' evaluator, where it speaks of it,
    find it?"""
    evaluator = load_finding_evaluator()
    normals = evaluator.look(draw_normals(store, 2 * pairs))
    moves, finds = {}, {}
    for drawn in draw_pairs(store, pairs):
        moves[drawn.finding] = moved(drawn)
        if drawn.finding in evaluator.findings:
            finds[drawn.finding] = found(evaluator, drawn, normals)
        console.print(f"{drawn.finding}: {moves[drawn.finding]}", highlight=False)
    return {"moved_lesions": moves, "requested_lesions": summed_up(finds)}


def sample_figures(judged: Judged) -> dict[str, Any]:
    """What needs no real data: acceptance, lungs, attributes."""
    sample, accepted, evaluator = judged.sample, judged.accepted, AttributeEvaluator.load()
    return {
        "accepted": {
            "images": len(accepted),
            "accepted": int(accepted.sum()),
            "refused_by": judged.refused,
        },
        "lungs": lung_agreement(sample),
        "attributes": recovered(evaluator.look(sample.images), sample.cases, evaluator.average_age),
    }


def write_card(card: Path, figures: dict) -> None:
    """Put the figures in the place of a card's ``metrics``, which end its YAML block."""
    text = card.read_text()
    start = text.index("metrics:\n")
    end = text.index("```", start)
    metrics = yaml.safe_dump({"metrics": figures}, sort_keys=False, width=96)
    card.write_text(text[:start] + metrics + text[end:])


def evaluate_models(
    data: Path | None, images: int, pairs: int, out: Path | None, precision: str, card: Path | None
) -> None:
    """Print all figures as JSON; write them, and the pictures, into ``out``, some into the ``card``."""
    maker = Synthesizer.load(replace(SynthesisSettings(), precision=precision))
    store = ImageStore(maker, out / "generated.npz" if out else None)
    sample = judged(draw_sample(store, images))
    figures = sample_figures(sample)
    figures["aged"] = aged(AttributeEvaluator.load(), *draw_aged(store, images // 2))
    figures |= control_figures(store, pairs)
    if card is not None:
        write_card(card, {k: figures[k] for k in ("lungs", "moved_lesions")})
    if data is not None:
        real = load_real(data, out / "real.npz" if out else None)
        alike = judged(draw_alike(store, real.nih, real.held))
        figures["alike"] = sample_figures(alike)
        assert isinstance(maker.imager, ImageModel)  # no checkpoint was named above
        figures["codec"] = codec_figures(maker.imager.codec, data, real.nih)
        figures["anatomy_expert"] = anatomy_figures(data)
        figures |= against_real(data, real, sample, alike, maker.masker, out)
        figures["copies"] = copy_figures(real, alter(real, maker.imager, maker.masker))
    text = json.dumps(figures, indent=1)
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "evaluation.json").write_text(text + "\n")
        if data is not None:
            (out / "figures.md").write_text(tables(figures))
