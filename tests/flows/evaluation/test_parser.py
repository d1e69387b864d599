"""The parser's bar on real reports, and the arithmetic behind it."""

import pytest

from flows.evaluation.parser import Score, evaluate, macro_f1, place_agreement, score
from flows.material.openi import code_place, read_reports, truth


def test_codes_mean_findings() -> None:
    assert truth(["Cardiomegaly/mild"]) == {"cardiomegaly"}
    assert truth(["Calcinosis/aorta"]) == set()
    assert truth(["Calcinosis/lung/hilum/left"]) == {"calcification"}
    assert truth(["Nodule/lung/right"]) == {"nodule"}
    assert truth(["Nodule/lung/bilateral/multiple"]) == {"diffuse_nodule"}
    assert truth(["Cicatrix/pleura/apex", "Cicatrix/lung"]) == {"pleural_thickening", "fibrosis"}
    assert truth(["Hydropneumothorax/left"]) == {"effusion", "pneumothorax"}
    assert truth(["normal"]) == truth([]) == set()


def test_qualifiers_mean_places() -> None:
    assert code_place("Opacity/lung/base/left/mild") == ("left", "lower", "mild")
    assert code_place("Pleural Effusion/bilateral/small") == ("bilateral", None, "mild")
    assert code_place("Nodule/lung/upper lobe/lower lobe/right/left") == (None, None, None)


def test_scores_are_counted() -> None:
    scores = score([{"mass"}, {"mass"}, set()], [{"mass"}, set(), {"mass"}])
    mass = next(s for s in scores if s.finding == "mass")
    assert (mass.true_positives, mass.predicted, mass.positives) == (1, 2, 2)
    assert (mass.precision, mass.recall, mass.f1) == (0.5, 0.5, 0.5)
    assert macro_f1([mass, Score("nodule", 0, 9, 1)], min_positives=2) == 0.5


def test_the_parser_reaches_its_bar_on_the_half_it_was_not_developed_on() -> None:
    held_out = [report for report in read_reports() if report.held_out]
    assert len(held_out) > 1800
    assert macro_f1(evaluate(held_out)) >= 0.9  # the bars are 0.6 and 0.75; see docs/parser.md
    for field, (agree, both) in place_agreement(held_out[:400]).items():
        assert both > 10, field
        assert agree / both >= 0.8, field


def test_halves_are_fixed() -> None:
    reports = list(read_reports())
    assert sum(r.held_out for r in reports) == pytest.approx(len(reports) / 2, rel=0.05)
