"""Masks and findings out of the experts' words, on drawn maps."""

import numpy as np
import pytest

from filters.experts.opinion import Opinion
from filters.experts.outlines import (
    anatomy_masks,
    findings_seen,
    looks_normal,
    lung_score,
    may_show,
    outline,
    requests_of,
)
from synth.cases import FindingRequest
from synth.findings import ANATOMY

SIZE = 128
LUNGS = ("right_lung", "left_lung")


def block(x, y, side, value=0.9):
    out = np.zeros((SIZE, SIZE), np.float32)
    out[y : y + side, x : x + side] = value
    return out


@pytest.fixture
def anatomy():
    """Lungs from 10 to 58 and 70 to 118 across, 10 to 106 down."""
    out = np.zeros((len(ANATOMY), SIZE, SIZE), bool)
    out[0, 10:106, 10:58] = out[1, 10:106, 70:118] = True
    return out


def lungs(right, left):
    return Opinion(structures=LUNGS, anatomy=np.stack([right, left]))


def test_the_worse_lung_is_the_score():
    assert lung_score(lungs(block(10, 10, 40, 0.9), block(70, 10, 40, 0.6))) == pytest.approx(0.6)
    assert lung_score(lungs(block(10, 10, 40, 0.9), block(70, 10, 17, 0.9))) == 0, "under 2 % of the image"
    assert lung_score(Opinion()) == 0


def test_what_the_expert_does_not_speak_of_is_empty():
    masks = anatomy_masks(lungs(block(10, 10, 40), block(70, 10, 40)))
    assert masks.shape == (len(ANATOMY), SIZE, SIZE)
    assert [int(m.sum()) for m in masks] == [1600, 1600, 0, 0, 0]
    with pytest.raises(ValueError, match="no anatomy, expected"):
        anatomy_masks(Opinion())


def test_findings_are_there_from_one_half_on():
    said = {"nodule": 0.5, "effusion": 0.49, "opacity": 0.9}
    assert findings_seen(Opinion(probabilities=said)) == ("nodule",)
    assert not looks_normal(Opinion(probabilities=said))
    assert not looks_normal(Opinion(probabilities={"effusion": 0.4, "opacity": 0.5}))
    assert looks_normal(Opinion(probabilities={"effusion": 0.4, "opacity": 0.4}))


def test_without_a_label_opacities_are_there_when_any_opacity_is():
    said = Opinion(probabilities={"consolidation": 0.1, "nodule": 0.1, "emphysema": 0.6, "opacity": 0.5})
    assert may_show(said, "consolidation")
    assert may_show(said, "emphysema")
    assert not may_show(said, "nodule"), "NIH's readers do not call it an opacity"
    assert not may_show(said, "fracture"), "no expert speaks of it"
    clear = Opinion(probabilities={"consolidation": 0.9, "opacity": 0.49})
    assert not may_show(clear, "consolidation")
    assert may_show(Opinion(probabilities={"consolidation": 0.9}), "consolidation"), "of opacity none speaks"


def test_each_connected_part_is_a_lesion_and_specks_are_none(anatomy):
    seen = block(20, 20, 10) + block(80, 60, 6) + block(100, 100, 1)
    seen[30, 30] = 0.9  # touches the first by a corner
    masks = outline(Opinion(lesions={"nodule": seen}), [FindingRequest("nodule")], False, anatomy)
    assert [lesion.box for lesion in masks.lesions] == [(20, 20, 11, 11), (80, 60, 6, 6)]
    assert outline(Opinion(), [FindingRequest("nodule")], True, anatomy).lesions == ()


@pytest.mark.parametrize(("side", "left_edges"), [("right", [20]), ("left", [80]), ("bilateral", [20, 80])])
def test_a_side_that_is_asked_for_keeps_its_half(anatomy, side, left_edges):
    opinion = Opinion(lesions={"effusion": block(20, 60, 20) + block(80, 60, 20)})
    masks = outline(opinion, [FindingRequest("effusion", side)], True, anatomy)
    assert [lesion.box[0] for lesion in masks.lesions] == left_edges


def test_both_sides_asked_for_one_by_one_are_both_kept(anatomy):
    opinion = Opinion(lesions={"effusion": block(20, 60, 20) + block(80, 60, 20)})
    asked = [FindingRequest("effusion", "right"), FindingRequest("effusion", "left")]
    assert len(outline(opinion, asked, True, anatomy).lesions) == 2


def test_a_faint_map_is_outlined_for_a_label_only(anatomy):
    opinion = Opinion(lesions={"mass": block(20, 20, 10, 0.3) + block(80, 20, 10, 0.25)})
    asked = [FindingRequest("mass")]
    assert [m.box[0] for m in outline(opinion, asked, True, anatomy).lesions] == [20], "around its peak alone"
    assert outline(opinion, asked, False, anatomy).lesions == ()
    hardly = Opinion(lesions={"mass": block(20, 20, 10, 0.09)})
    assert outline(hardly, asked, True, anatomy).lesions == ()


def test_sides_and_zones_are_read_off_the_lesions(anatomy):
    maps = {
        "effusion": block(20, 90, 10) + block(90, 90, 10),
        "nodule": block(90, 20, 8),
        "cardiomegaly": block(60, 60, 20),
        "mass": block(20, 20, 8) + block(20, 90, 8),
    }
    names = tuple(maps)
    masks = outline(Opinion(lesions=maps), [FindingRequest(n) for n in names], False, anatomy)
    assert requests_of((*names, "fibrosis"), masks) == (
        FindingRequest("effusion", "bilateral", "lower"),
        FindingRequest("nodule", "left", "upper"),
        FindingRequest("cardiomegaly"),
        FindingRequest("mass", "right"),
        FindingRequest("fibrosis"),
    )
