from pathlib import Path

import numpy as np
import pytest
from drawn_files import gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from manifests.errors import DatasetError
from manifests.films.compositing import EDGE, blend_weight, restore, working_image
from manifests.films.originals import Original, default_window


def drawn(height, width, bits, seed=0, window=None):
    pixels = gradient(height, width, bits, seed)
    return Original(Path("x.png"), "png", "", pixels, bits, window or default_window(pixels, bits))


def allowed(mask, shape, edge):
    """Where a change may be, told without the code under test: squares around working pixels."""
    size, (height, width) = mask.shape[0], shape
    reach = int(np.ceil(edge * size)) + 1
    grown = ndimage.binary_dilation(mask, np.ones((3, 3)), iterations=reach) if mask.any() else mask
    rows = np.minimum((np.arange(height) + 0.5) * size / height, size - 1).astype(int)
    cols = np.minimum((np.arange(width) + 0.5) * size / width, size - 1).astype(int)
    # An original smaller than the working image mixes neighbours: one of its pixels more on each side.
    extra = int(size > min(shape))
    return ndimage.maximum_filter(grown[np.ix_(rows, cols)], size=1 + 2 * extra)


SIDES = st.integers(64, 170)


@settings(max_examples=150, deadline=None)
@given(
    height=SIDES,
    width=SIDES,
    bits=st.sampled_from([8, 10, 12, 14, 16]),
    size=st.sampled_from([32, 64, 96, 128]),
    edge=st.sampled_from([0, EDGE, 0.05, 0.2]),
    box=st.tuples(*[st.floats(0, 1)] * 4),
    dots=st.integers(0, 3),
    narrow=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_outside_the_dilated_mask_every_pixel_is_the_originals(
    height, width, bits, size, edge, box, dots, narrow, seed
):
    rng = np.random.default_rng(seed)
    top = (1 << bits) - 1
    original = drawn(height, width, bits, seed, (0.3 * top, 0.6 * top) if narrow else None)
    y0, y1, x0, x1 = (int(v * size) for v in (*sorted(box[:2]), *sorted(box[2:])))
    mask = np.zeros((size, size), bool)
    mask[y0:y1, x0:x1] = True
    mask[tuple(rng.integers(0, size, (2, dots)))] = True
    edited = rng.random((size, size)).astype(np.float32)
    after = restore(original, edited, mask, edge)
    assert (after.dtype, after.shape) == (original.pixels.dtype, (height, width))
    assert after.max() <= top
    changed = after != original.pixels
    assert not (changed & ~allowed(mask, (height, width), edge)).any()
    assert not (changed & (blend_weight(mask, (height, width), edge) == 0)).any()


@pytest.mark.parametrize("shape", [(64, 64), (100, 80), (300, 200)])
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("window", [None, (50.0, 90.0)])
def test_an_edit_that_changes_nothing_gives_the_original(shape, bits, window):
    original = drawn(*shape, bits, window=window)
    everywhere = np.ones((64, 64), bool)
    assert np.array_equal(restore(original, working_image(original, 64), everywhere), original.pixels)


@pytest.mark.parametrize("shape", [(256, 256), (700, 500), (130, 90)])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_inside_the_mask_the_working_image_becomes_the_edited_one(shape, bits):
    original = drawn(*shape, bits)
    size = 128
    before = working_image(original, size)
    y, x = np.mgrid[:size, :size] / size
    bump = 0.3 * np.exp(-((y - 0.5) ** 2 + (x - 0.5) ** 2) / 0.02)
    edited = np.clip(before - bump, 0, 1).astype(np.float32)
    mask = bump > 0.01
    after = Original(original.path, "png", "", restore(original, edited, mask), bits, original.window)
    off = np.abs(working_image(after, size) - edited)[ndimage.binary_erosion(mask, iterations=4)]
    assert off.mean() < 0.01
    assert np.abs(before - edited)[mask].mean() > 0.05


def test_detail_finer_than_the_working_image_stays():
    fine = (np.indices((512, 512)).sum(0) % 2 * 40 + 100).astype(np.uint8)
    original = Original(Path("x.png"), "png", "", fine, 8, (0.0, 255.0))
    edited = np.clip(working_image(original, 64) + 0.2, 0, 1)
    after = restore(original, edited, np.ones((64, 64), bool))
    assert np.array_equal(after, fine + 51)


def test_the_edge_is_soft():
    mask = np.zeros((256, 256), bool)
    mask[100:150, 100:150] = True
    weight = blend_weight(mask, (1024, 512))
    assert weight[500, 250] == 1
    assert weight[:380].max() == 0
    row = weight[500, 180:202]
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() < 0.5
    assert ((row > 0) & (row < 1)).sum() > 5


@pytest.mark.parametrize(("bits", "window"), [(8, (0.0, 255.0)), (12, (500.0, 2500.0))])
def test_the_change_follows_the_weight(bits, window):
    flat = np.full((300, 200), 100 if bits == 8 else 1000, np.uint8 if bits == 8 else np.uint16)
    original = Original(Path("x.png"), "png", "", flat, bits, window)
    mask = np.zeros((128, 128), bool)
    mask[30:60, 40:90] = True
    edited = np.clip(working_image(original, 128) + 0.25, 0, 1)
    after = restore(original, edited, mask)
    change = blend_weight(mask, flat.shape) * 0.25 * (window[1] - window[0])
    assert after == pytest.approx(flat + change, abs=0.51)
    assert ((after > flat) & (after < after.max())).sum() > 100


def test_the_inverse_map_is_where_the_docstring_says():
    pixels = np.zeros((200, 120), np.uint8)
    pixels[140:150, 30:36] = 255
    view = working_image(Original(Path("x.png"), "png", "", pixels, 8, (0.0, 255.0)), 100)
    y, x = ndimage.center_of_mass(view)
    assert ((y + 0.5) * 200 / 100 - 0.5, (x + 0.5) * 120 / 100 - 0.5) == pytest.approx((144.5, 32.5), abs=0.1)


def test_bad_edits_and_masks_are_told():
    original, good, mask = drawn(80, 80, 8), np.zeros((64, 64)), np.zeros((64, 64), bool)
    assert np.array_equal(restore(original, good, mask), original.pixels)
    assert np.array_equal(restore(original, good, mask.astype(float)), original.pixels)
    for edited, message in (
        (good[:60], "shape .60, 64., expected a square"),
        (good + 2, "values 2.0 to 2.0, expected .0, 1."),
        (np.full_like(good, np.nan), "values nan to nan"),
        (np.zeros((64, 64), np.uint8), "uint8, expected floats"),
    ):
        with pytest.raises(DatasetError, match="edited image: " + message):
            restore(original, edited, mask)
    with pytest.raises(DatasetError, match=r"mask: shape \(32, 32\), expected the edited image's \(64, 64\)"):
        restore(original, good, mask[:32, :32])
    with pytest.raises(DatasetError, match=r"mask: values 0\.0 to 0.5, expected 0 and 1"):
        restore(original, good, np.where(np.eye(64), 0.5, 0))
    with pytest.raises(DatasetError, match="edge: -1, expected"):
        restore(original, good, mask, edge=-1)
