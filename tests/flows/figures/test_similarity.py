"""MS-SSIM is torchmetrics' own; a set of one film and its like is told by it."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchmetrics.image import MultiScaleStructuralSimilarityIndexMeasure

from flows.figures.similarity import ms_ssim, similarity_within


def films(count, side=192, seed=0):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((count, side, side)), (0, 6, 6))
    return np.clip(128 + 700 * smooth, 0, 255).astype(np.uint8)


def test_it_is_that_of_torchmetrics():
    a, b = films(6), films(6, seed=1)
    metric = MultiScaleStructuralSimilarityIndexMeasure(data_range=255.0)
    expected = metric(*(torch.from_numpy(x[:, None].astype(np.float32)) for x in (a, b)))
    assert ms_ssim(a, b).mean() == pytest.approx(float(expected), abs=1e-4)
    assert ms_ssim(a, a) == pytest.approx(1, abs=1e-4)


def test_small_films_have_four_scales_and_smaller_ones_none():
    assert ms_ssim(films(2, 128), films(2, 128)) == pytest.approx(1, abs=1e-4)
    with pytest.raises(ValueError, match="64 pixels a side, expected 91"):
        ms_ssim(films(1, 64), films(1, 64))


def test_a_set_of_one_film_is_more_alike_than_one_of_many():
    many = films(12)
    copies = np.clip(many[:1] + np.random.default_rng(0).normal(0, 4, (12, 192, 192)), 0, 255).astype(
        np.uint8
    )
    owners = np.arange(12)
    one, all_ = (similarity_within(x, owners, pairs=40) for x in (copies, many))
    assert one.low > all_.high
    assert one.counts == {"pairs": 40}
    assert similarity_within(many, owners // 2, pairs=100).counts == {"pairs": 60}  # none within a patient
