"""Exposure tells nothing after normalisation; borders and markers go, the chest stays."""

import numpy as np
import pytest
from bodies import schematic_body, schematic_radiograph
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.images.radiographs import (
    EXPOSURE_ANCHORS,
    border_box,
    crop,
    normalise_exposure,
    remove_markers,
    to_uint8,
)

BODY = schematic_body(256)
IMAGE = schematic_radiograph(BODY)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.6, 1.6), st.floats(0.5, 1.0), st.floats(0, 0.2))
def test_another_exposure_ends_in_the_same_image(gamma, gain, offset):
    again = normalise_exposure((offset + (0.8 - offset) * gain * IMAGE**gamma).astype(np.float32))
    field = again[20:-20, 20:-20]
    low, mid, high = np.percentile(field, (5, 50, 95))
    assert (low, mid, high) == pytest.approx(EXPOSURE_ANCHORS, abs=0.04)


def test_normalising_is_monotone():
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    assert (np.diff(normalise_exposure(ramp), axis=1) >= 0).all()


def test_collimator_edges_are_cut_and_no_more():
    framed = IMAGE.copy()
    framed[:, :20] = 0
    framed[-10:] = 1
    x0, y0, x1, y1 = border_box(framed)
    assert (x0, y0, x1) == (20 / 256, 0.0, 1.0)
    assert y1 == pytest.approx(1 - 10 / 256)
    assert crop(framed, (x0, y0, x1, y1)).shape == framed.shape
    assert border_box(IMAGE) == (0.0, 0.0, 1.0, 1.0)


def test_markers_outside_the_chest_go_and_the_chest_stays():
    marked = IMAGE.copy()
    marked[10:18, 6:22] = 1.0
    lungs = BODY[:2].any(0)
    clean = remove_markers(marked, lungs)
    assert clean[10:18, 6:22].mean() < 0.75
    assert np.array_equal(clean[lungs], marked[lungs])


def test_an_image_without_lungs_stays_as_it_is():
    noise = np.random.default_rng(0).random((64, 64), np.float32)
    assert np.array_equal(remove_markers(noise, np.zeros((64, 64), bool)), noise)


def test_rounding_to_bytes_clips():
    assert to_uint8(np.array([-1.0, 0.0, 0.5, 2.0])).tolist() == [0, 0, 128, 255]
