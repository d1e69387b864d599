"""Masks and findings out of the experts' words, on drawn maps."""

import re

import numpy as np
import pytest

from filters.experts.opinion import Opinion
from filters.experts.outlines import (
    anatomy_masks,
    findings_seen,
    looks_normal,
    lung_score,
    may_show,
    negative,
    outline,
    refusals,
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


class Scripted:
    """An expert whose opinion of an image depends on how bright it is."""

    def __init__(self, of_dark, of_bright):
        self.opinions = of_dark, of_bright

    def look(self, images):
        return [self.opinions[int(image.mean() > 127)] for image in images]


def chest(lungs_seen, heart_seen):
    maps = block(10, 10, 40, lungs_seen), block(70, 10, 40, lungs_seen), block(50, 60, 30, heart_seen)
    return Opinion(structures=(*LUNGS, "heart"), anatomy=np.stack(maps))


@pytest.mark.parametrize(
    ("film", "negated", "told"),
    [
        (chest(0.95, 0.9), chest(0.6, 0.6), ""),
        (
            chest(0.8, 0.6),
            chest(0.95, 0.9),
            "is inverted: .*lung score 0.95, as it is 0.80., expected",
        ),
        (chest(0.6, 0.6), chest(0.9, 0.9), "is inverted: "),
        (chest(0.8, 0.9), chest(0.85, 0.6), ""),  # lungs and heart together decide
        (chest(0.6, 0.6), chest(0.7, 0.9), "no frontal radiograph by .*lung score .0.60., expected 0.75"),
        (Opinion(), Opinion(), "no frontal radiograph by .*lung score .0.00."),
        (chest(float("nan"), 0.9), chest(0.6, 0.6), "no frontal radiograph by"),
    ],
)
def test_of_a_film_and_its_negative_the_one_that_is_seen_more_surely_is_right(film, negated, told):
    image = np.full((1, SIZE, SIZE), 60, np.uint8)
    image[:, :, ::2] = 90
    assert negative(image[0]).mean() > 127
    (error,) = refusals(Scripted(film, negated), image, [film])
    assert re.match(told, error)
    assert bool(error) == bool(told)
    assert refusals(Scripted(film, negated), image[:0], []) == []
