"""Outlines lie on their masks, boxes where the film was cut, and only held-out patients are shown."""

import re

import numpy as np
from PIL import Image
from skimage.draw import polygon2mask

from flows.evaluation.study.film import UNITS, Film, boxes, outline, without_letters
from flows.evaluation.study.real_films import candidates, real_films
from flows.material.films import part_of


def rings(path):
    """Each closed line of a path as (N, 2), y and x in units."""
    for ring in re.findall(r"M([^Z]+)Z", path):
        yield np.array([[float(v) for v in point.split()] for point in ring.split("L")])[:, ::-1]


def test_an_outline_holds_its_mask():
    rows, columns = np.mgrid[:64, :64]
    mask = ((rows - 30) / 14) ** 2 + ((columns - 40) / 30) ** 2 < 1  # it is cut off by the film's edge
    (ring,) = rings(outline(mask))
    again = polygon2mask(mask.shape, ring * 64 / UNITS - 0.5)  # whose grid begins at a pixel's middle
    assert (mask & again).sum() / (mask | again).sum() > 0.95
    assert ring.min() >= 0
    assert ring.max() <= UNITS


def test_parts_are_closed_lines_of_their_own():
    mask = np.zeros((32, 32), bool)
    mask[4:8, 4:8] = mask[20:28, 10:14] = True
    assert len(list(rings(outline(mask)))) == 2
    assert len(list(rings(boxes([(0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1)])))) == 2


def test_a_film_without_lungs_stays_as_it_is():
    black = np.zeros((1, 64, 64), np.uint8)
    assert (without_letters(black) == black).all()


def test_only_held_out_patients_are_shown(shared_data, tmp_path):
    there = candidates(shared_data, tmp_path)
    assert len({c.patient for c in there}) > 100
    assert {part_of(c.patient) for c in there} == {"test"}


def test_boxes_of_real_films_lie_on_them(shared_data, tmp_path):
    boxed = [c for c in candidates(shared_data, tmp_path) if "Cardiomegaly" in {kind for kind, _ in c.boxed}]
    like = real_films(boxed[:1], [_like()], np.random.default_rng(0), print)[0]
    (overlay,) = [o for o in like.overlays if o.finding == "cardiomegaly"]
    (ring,) = rings(overlay.path)
    middle = ring.mean(0) / UNITS
    assert 0.4 < middle[0] < 0.9  # a heart lies in the lower half, near the middle
    assert 0.3 < middle[1] < 0.75
    with Image.open(boxed[0].path) as file:
        assert file.size == (512, 512)


def _like():
    return Film("synthetic", "0", np.zeros((128, 128), np.uint8), frozenset(), frozenset())
