"""Rough latents follow the masks that they are drawn from."""

import torch
from bodies import schematic_body

from synth.rough_latents import RoughLatents
from synth.weights import SHIPPED


def test_the_shipped_ones_are_small_and_move_with_the_body():
    folder = SHIPPED / "rough_latents"
    assert (folder / "model.safetensors").stat().st_size < 800_000
    rough, body = RoughLatents.load(folder), torch.from_numpy(schematic_body())[None]
    moved = body.roll(16, -1)
    one, two = rough.draw(body, 32), rough.draw(moved, 32)
    assert one.shape == (1, 8, 32, 32)
    tone = one[:, 0].roll(4, -1)  # 16 of 128 pixels are 4 cells; the first channel is brightness
    assert (two[:, 0] - tone)[..., 6:-6].abs().mean() < (two[:, 0] - one[:, 0])[..., 6:-6].abs().mean()


def test_another_grid_is_reached_by_interpolation():
    rough, body = RoughLatents(4).eval(), torch.from_numpy(schematic_body())[None]
    assert rough.draw(body, 64).shape == (1, 4, 64, 64)
