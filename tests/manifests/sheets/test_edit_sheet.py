import io
from dataclasses import replace

import numpy as np
from PIL import Image

from manifests.sheets.edit_sheet import (
    BRIGHTER,
    DARKER,
    STRONGEST,
    EditShown,
    difference,
    edit_sheet,
    outlined,
)
from manifests.sheets.edit_sheet import scores as table
from manifests.sheets.palette import BAD, FINDING_COLOURS, GOOD
from synth.cases import Lesion

TILE = 240


def square(y0, y1, x0, x1, size=64):
    mask = np.zeros((size, size), bool)
    mask[y0:y1, x0:x1] = True
    return mask


BEFORE = np.full((128, 128), 90, np.uint8)
AFTER = BEFORE.copy()
AFTER[20:40, 20:40], AFTER[80:100, 80:100] = 90 + STRONGEST, 0
SHOWN = EditShown(
    "film.png",
    "removed effusion, added mass",
    BEFORE,
    AFTER,
    (Lesion("effusion", square(40, 50, 40, 50)),),
    (Lesion("mass", square(10, 20, 10, 20)),),
    {"nodule": (0.2, 0.1), "opacity": (0.4, 0.3), "mass": (0.1, 0.9), "effusion": (0.8, 0.1)},
    "attempt 2",
)


def pixels(picture):
    return np.asarray(picture, dtype=int)


def near(picture, colour):
    """(H, W) bool: pixels of about this colour."""
    return np.abs(pixels(picture) - np.array(colour)).max(2) < 12


def sheet(shown, tile=TILE):
    return Image.open(io.BytesIO(edit_sheet(shown, tile))).convert("RGB")


def parts(shown):
    """The three pictures and the table, from left to right."""
    whole = pixels(sheet(shown))
    starts = [14 + i * (TILE + 14) for i in range(3)]
    return [whole[:, x : x + TILE] for x in starts] + [whole[:, starts[-1] + TILE + 14 :]]


def test_the_same_sheet_twice_and_as_large_as_asked():
    assert edit_sheet(SHOWN, TILE) == edit_sheet(SHOWN, TILE)
    assert sheet(SHOWN, 320).height > sheet(SHOWN).height > TILE


def test_outlines_stand_on_the_picture_of_before_alone():
    before, after, *_ = parts(SHOWN)
    for name in ("effusion", "mass"):
        colour = np.array(FINDING_COLOURS[name])
        drawn = [int((np.abs(p - colour).max(2) < 12).sum()) for p in (before, after)]
        assert drawn[0] > 50, name
        assert drawn[1] == 0, name


def test_an_outline_lies_where_its_mask_does_whatever_its_resolution():
    bare = replace(SHOWN, removed=(), added=SHOWN.added)
    large = replace(bare, added=(Lesion("mass", SHOWN.added[0].mask.repeat(2, 0).repeat(2, 1)),))
    boxes = []
    for shown in (bare, large):
        ys, xs = np.nonzero(near(parts(shown)[0][55:], FINDING_COLOURS["mass"]))
        boxes.append((ys.min(), ys.max(), xs.min(), xs.max()))
    assert np.abs(np.subtract(*boxes)).max() <= 1
    assert boxes[0][3] - boxes[0][2] > 0.8 * 10 / 64 * TILE


def test_labels_tell_removed_from_added():
    empty = Lesion("mass", np.zeros((64, 64), bool))
    assert [o.label for o in outlined(SHOWN.removed, (*SHOWN.added, empty))] == ["− effusion", "+ mass"]


def test_a_difference_is_signed_and_as_strong_as_it_is():
    drawn = pixels(difference(BEFORE, AFTER, 128))
    assert np.abs(drawn[24:36, 24:36] - np.array(BRIGHTER)).max() <= 2
    dark = drawn[84:96, 84:96].mean((0, 1))
    share = min(90 / STRONGEST, 1)
    assert np.allclose(dark, share * np.array(DARKER) + (1 - share) * 0.25 * 90, atol=3)
    assert np.ptp(drawn[60, 60]) == 0, "grey where nothing changed"


def test_scores_say_whether_what_was_asked_for_came():
    assert SHOWN.wanted == {"effusion": False, "mass": True}
    good = table(SHOWN, 300, TILE)
    assert near(good, GOOD).any()
    assert not near(good, BAD).any()
    missed = replace(SHOWN, scores={**SHOWN.scores, "mass": (0.9, 0.1)})
    assert near(table(missed, 300, TILE), BAD).any()


def test_what_was_asked_for_stands_first():
    height = TILE / (len(SHOWN.scores) + 1)
    rows = np.flatnonzero(near(table(SHOWN, 300, TILE), GOOD).any(1)) // height
    assert set(rows) == {1, 2}


def test_long_names_are_cut_and_never_wider_than_the_sheet():
    long = replace(SHOWN, title="a" * 500, done="removed much " * 80, note="n" * 300)
    assert sheet(long).size == sheet(SHOWN).size
