"""Prompts of single findings: the case's own words where they fit, else written and the same each time."""

from dataclasses import replace

from synth.cases import Case, FindingRequest
from synth.images.frozen.controllers import lesion_prompt
from synth.prompts.reports import parse


def test_each_finding_has_a_prompt_of_its_own():
    requests = (FindingRequest("mass", "left", "upper"), FindingRequest("effusion", "right"))
    case = Case("000000001", 3, "Left upper mass, right effusion.", requests, 63, "F", "PA")
    prompts = [lesion_prompt(case, r.name) for r in requests]
    assert [parse(p).findings for p in prompts] == [(r,) for r in requests]
    assert prompts == [lesion_prompt(case, r.name) for r in requests]
    alone = replace(case, findings=requests[:1], prompt="A text of one's own.")
    assert lesion_prompt(alone, "mass") == "A text of one's own."
    assert parse(lesion_prompt(alone, "nodule")).findings[0].name == "nodule"
