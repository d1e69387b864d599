"""Regions lie inside boxes, around a map's maximum where it is believed, and nowhere else."""

import numpy as np
import pytest

from flows.material.films import RSNA_BOX, RealFilms
from flows.material.lesion_regions import AREA, GRID, SIDE, State, lesion_regions
from flows.training.labels import BOXED
from flows.training.one_pass_films import states
from synth.findings import FINDING_NAMES


def films(labels, boxes=()):
    """One with these labels, one without any."""
    two = np.array(["x", "healthy"])
    return RealFilms(
        names=two,
        images=np.zeros((2, SIDE, SIDE), np.uint8),
        patients=two,
        ages=np.array([50, 50]),
        sexes=np.array(["F", "F"]),
        views=np.array(["PA", "PA"]),
        sides=np.array([512, 512]),
        grades=np.array(["", ""]),
        parts=np.array(["experts", "experts"]),
        labels=[frozenset(labels), frozenset()],
        boxes=[tuple(boxes), ()],
    )


@pytest.fixture
def anatomy():
    organs = np.zeros((2, 5, SIDE, SIDE), bool)
    organs[:, 0, 40:200, 30:110] = organs[:, 1, 40:200, 146:226] = True
    organs[:, 2, 110:200, 100:190] = True
    return organs


def found(labels, anatomy, boxes=(), peaks=(), probability=0.9):
    """Regions; maps are dark but for the (finding, row, column) in ``peaks``, of 64 cells a side. The film
    without labels has every finding with a probability of 0.1."""
    maps = np.zeros((2, 13, 64, 64), np.uint8)
    for name, y, x in peaks:
        maps[0, FINDING_NAMES.index(name), y - 1 : y + 2, x - 1 : x + 2] = 200
    these = films(labels, boxes)
    chances = np.array([[probability], [0.1]]).repeat(13, 1)
    regions = lesion_regions(these, states(these), anatomy, maps, chances, dict(BOXED))
    return {name: (State(regions.state[0, k]), regions.cover[0, k]) for k, name in enumerate(FINDING_NAMES)}


def test_a_boxed_lesion_lies_inside_its_box_and_fills_most_of_it(anatomy):
    box = ("Mass", 0.25, 0.25, 0.5, 0.5)
    state, cover = found({"Mass"}, anatomy, [box])["mass"]
    assert state == State.OUTLINED
    outside = cover.copy()
    outside[16:32, 16:32] = 0
    assert outside.max() == 0
    assert 0.6 < cover[16:32, 16:32].mean() / 255 < 0.8


def test_a_box_s_lesion_follows_the_map(anatomy):
    box = ("Effusion", 0.1, 0.5, 0.4, 0.8)
    _, cover = found({"Effusion"}, anatomy, [box], [("effusion", 45, 10)])["effusion"]
    assert cover[45, 10] == 255


def test_rsna_s_boxes_are_consolidations(anatomy):
    state, cover = found(set(), anatomy, [(RSNA_BOX, 0.2, 0.3, 0.4, 0.5)])["consolidation"]
    assert state == State.OUTLINED
    assert cover.max() == 255


@pytest.mark.parametrize("name", [n for n in AREA if n != "pleural_thickening"])
def test_where_nobody_boxed_the_map_s_maximum_says_where_and_the_area_is_bounded(anatomy, name):
    state, cover = found({name.title()}, anatomy, (), [(name, 20, 15)])[name]
    assert state == State.OUTLINED
    assert cover[20, 15] > 0
    assert 0 < cover.mean() / 255 <= AREA[name][1] * 1.1


def test_a_label_whose_map_says_no_is_somewhere(anatomy):
    state, cover = found({"Effusion"}, anatomy, (), [("effusion", 20, 15)], probability=0.05)["effusion"]
    assert state == State.SOMEWHERE
    assert cover.max() == 0


def test_what_no_label_means_is_absent_and_other_words_for_airspace_leave_it_open(anatomy):
    told = found({"Infiltration"}, anatomy)
    assert told["calcification"][0] == told["mass"][0] == State.ABSENT
    assert told["consolidation"][0] == State.UNKNOWN


def test_an_enlarged_heart_is_outlined_where_it_is(anatomy):
    state, cover = found({"Cardiomegaly"}, anatomy)["cardiomegaly"]
    assert state == State.OUTLINED
    assert cover.shape == (GRID, GRID)
    assert cover[35, 36] == 255
