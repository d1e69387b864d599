"""What may be asked of an edit, how it is written, and how it is told when it may not."""

import pytest

from synth.cases import FindingRequest
from synth.findings import FINDING_NAMES
from synth.prompts.edit_requests import EDITABLE, EditRequest
from synth.prompts.grammar import read_finding


def test_all_findings_but_an_enlarged_heart_are_editable():
    assert set(FINDING_NAMES) - set(EDITABLE) == {"cardiomegaly"}


def test_a_request_says_what_was_done():
    added = FindingRequest("pleural_thickening", "left", "upper", "mild")
    request = EditRequest(("diffuse_nodule", "mass"), (added, FindingRequest("effusion")))
    assert str(request) == (
        "removed diffuse nodule, removed mass, added pleural thickening left upper mild, added effusion"
    )


def test_cleared_lungs_keep_no_finding_of_theirs():
    assert str(EditRequest(("consolidation",), everywhere=True)) == "removed consolidation everywhere"
    shown = ("consolidation", "effusion", "fracture", "cardiomegaly")
    for everywhere, left in ((False, shown[1:]), (True, shown[2:])):
        request = EditRequest(("consolidation",), everywhere=everywhere)
        assert tuple(name for name in shown if request.leaves(name)) == left


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "edit: nothing to remove or add, expected a finding"),
        ({"replace": True}, "nothing to remove or add"),
        (
            {"remove": ("mass",), "add": (FindingRequest("mass"),), "everywhere": True},
            "everywhere: with something",
        ),
        (
            {"remove": ("fracture",), "everywhere": True},
            "everywhere: with 'fracture', expected findings of lu",
        ),
        ({"remove": ("cardiomegaly",)}, "finding: 'cardiomegaly', expected one of atelectasis, "),
        ({"remove": ("effusion", "edema")}, "finding: 'edema', expected one of"),
        ({"add": (FindingRequest("cardiomegaly"),)}, "finding: 'cardiomegaly', expected one of"),
    ],
)
def test_what_cannot_be_asked_is_told(changes, told):
    with pytest.raises(ValueError, match=told):
        EditRequest(**changes)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("effusion", FindingRequest("effusion")),
        ("effusion, left, lower", FindingRequest("effusion", "left", "lower")),
        ("Pleural effusion,right,severe", FindingRequest("effusion", "right", None, "severe")),
        ("pleural_thickening mild upper", FindingRequest("pleural_thickening", None, "upper", "mild")),
    ],
)
def test_a_finding_is_read_with_commas_or_spaces(text, found):
    assert read_finding(text) == found


@pytest.mark.parametrize("text", ["", " , ", "none", "effusion; mass", "effusion, sideways", "edema"])
def test_a_finding_that_is_none_or_several_is_told(text):
    with pytest.raises(ValueError, match="expected") as told:
        read_finding(text)
    assert "\n" not in str(told.value)
