"""Pictures have the places that they promise and stay small."""

import numpy as np
from PIL import Image

from flows.evaluation.pictures import (
    nearest_pairs,
    reliability_curve,
    samples_beside_real,
    side_by_side,
    thumbnails,
)
from flows.figures.reliability import reliability


def test_thumbnails_keep_their_order():
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.full((16, 16), 40, np.uint8)
    sheet = thumbnails(images, 2, 10)
    assert sheet.shape == (3 * 14 - 4, 2 * 14 - 4)
    assert [sheet[i // 2 * 14 + 5, i % 2 * 14 + 5] for i in range(5)] == [0, 40, 80, 120, 160]


def test_blocks_stand_beside_one_another():
    picture = side_by_side({"a": np.full((20, 30), 255, np.uint8), "b": np.full((10, 40), 255, np.uint8)})
    assert picture.width == 30 + 40 + 3 * 16


def test_48_beside_48_stay_below_a_megabyte_and_a_half(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 256, 256), np.uint8)
    path = tmp_path / "docs" / "samples.png"
    samples_beside_real(noise, noise, path)
    assert path.stat().st_size < 1_500_000
    assert Image.open(path).size == (2 * (8 * 114 - 4) + 3 * 16, 6 * 114 - 4 + 26 + 16)


def test_pairs_and_curves_are_written(tmp_path):
    images = np.zeros((5, 64, 64), np.uint8)
    nearest_pairs(images, images, np.array([0.1, 0.2, 0.2, 0.3, 0.4]), tmp_path / "nearest.png")
    p = np.linspace(0, 1, 100)
    reliability_curve(reliability(p, p > 0.5), "opacity", tmp_path / "reliability.png")
    width, height = Image.open(tmp_path / "nearest.png").size
    assert height > 2 * 200
    assert width > 5 * 200, "pairs at one distance are two"
    assert Image.open(tmp_path / "reliability.png").width == 462
