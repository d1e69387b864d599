"""Rough latents follow the masks that they are drawn from."""

from dataclasses import replace

import torch
from bodies import schematic_body
from small_pipelines import small_settings

from synth.cases import Case
from synth.generate import Synthesizer
from synth.images.frozen.rough_latents import RoughLatents
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


def test_the_rough_latent_is_our_average_body_through_the_bases_vae(checkpoints):
    maker = Synthesizer.load(small_settings(checkpoints["plain"]))
    rough, masks = maker.imager.rough, maker.masks(Case("000000000", 7, "Normal chest."))
    asked = []
    rough = replace(rough, base=replace(rough.base, encode=lambda x: asked.append(x) or x[:, :1, ::8, ::8]))
    latents = rough.draw(torch.from_numpy(masks.anatomy)[None].float(), 8)
    (image,) = asked
    assert image.shape == (1, 3, 64, 64)
    assert latents.shape == (1, 1, 8, 8)
    assert torch.equal(image[:, 0], image[:, 2]), "grey"
    lungs, heart = (torch.from_numpy(m) for m in (masks.lungs & ~masks.anatomy[2], masks.anatomy[2]))
    assert image[0, 0][lungs].mean() < image[0, 0][heart].mean() - 0.2, "lungs are dark, the heart is not"
