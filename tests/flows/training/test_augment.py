"""Films that are moved stay as sharp as they were, and lie where their masks do."""

import numpy as np
import pytest
import torch

from flows.training.augment import draw_warp

INSIDE = (..., slice(40, -40), slice(40, -40))


def moved(count, size, seed=0):
    return draw_warp(np.random.default_rng(seed), count, size, degrees=4, scale=0, shift=0.03, elastic=0)


@pytest.mark.parametrize("size", [128, 256])
def test_grain_keeps_its_power(size):
    grain, warp = torch.randn(4, 1, size, size), moved(4, size)
    assert warp.sharply(grain)[INSIDE].var() == pytest.approx(float(grain[INSIDE].var()), rel=0.08)
    assert warp(grain)[INSIDE].var() < 0.55 * grain[INSIDE].var()  # what it is there to spare


def test_what_is_smooth_goes_where_a_bilinear_mean_has_it():
    at = torch.linspace(0, 1, 128)
    smooth = (torch.sin(9 * at)[:, None] * torch.cos(7 * at)).expand(4, 1, 128, 128)
    warp = moved(4, 128)
    assert (warp.sharply(smooth) - warp(smooth)).abs().max() < 0.02
