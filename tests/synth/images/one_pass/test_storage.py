"""Weights in a byte each come back within half a step of each channel."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth.errors import WeightsError
from synth.images.one_pass.storage import FACTOR, restored, stored


@given(seed=st.integers(0, 1000), scale=st.floats(1e-4, 1e3))
def test_numbers_come_back_within_half_a_step(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    weight = scale * torch.randn(32, 16, 3, 3, generator=generator)
    weight[0] = 0
    kept = stored({"w": weight, "b": torch.ones(32), "n": torch.tensor(3)})
    assert kept["w"].dtype == torch.int8
    back = restored(kept)
    assert set(back) == {"w", "b", "n"}
    step = weight.flatten(1).abs().amax(1) / 127
    assert ((back["w"] - weight).flatten(1).abs().amax(1) <= 0.501 * step + 1e-7).all()
    assert back["n"].item() == 3
    assert kept["w" + FACTOR].shape == (32,)


def test_small_tensors_stay_as_they_are():
    small = {"w": torch.randn(4, 4)}
    assert torch.equal(restored(stored(small))["w"], small["w"].half().float())


@pytest.mark.parametrize("factor", [None, torch.ones(3), torch.ones(4, 1)])
def test_factors_that_are_not_the_tensor_s_are_told(factor):
    kept = stored({"w": torch.randn(4, 512)})
    del kept["w" + FACTOR]
    if factor is not None:
        kept["w" + FACTOR] = factor
    with pytest.raises(WeightsError, match="w has no factor"):
        restored(kept)
