"""Training of rough latents: image and masks are turned alike, and a few steps seal what loads."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
import yaml

from flows.material.scenes import Scenes
from flows.training.recipes import rough_latents
from flows.training.recipes.rough_latents import mirror
from flows.training.registry import train
from synth.findings import ANATOMY
from synth.images.frozen.rough_latents import RoughLatents


def test_a_mirror_turns_both_and_swaps_the_sides():
    images, masks = torch.rand(2, 1, 8, 8), (torch.rand(2, len(ANATOMY), 8, 8) > 0.5).float()
    turned, organs = mirror(images, masks, torch.tensor([True, False]))
    assert torch.equal(turned[0], images[0].flip(-1))
    right, left = ANATOMY.index("right_lung"), ANATOMY.index("left_lung")
    assert torch.equal(organs[0, right], masks[0, left].flip(-1))
    heart = ANATOMY.index("heart")
    assert torch.equal(organs[0, heart], masks[0, heart].flip(-1))
    assert torch.equal(organs[0, ANATOMY.index("left_clavicle")], masks[0, 3].flip(-1))
    assert torch.equal(turned[1], images[1])
    assert torch.equal(organs[1], masks[1])


def drawn_scenes(count: int) -> Scenes:
    """Dark lungs of varied height in grey tissue, 64 pixels a side."""
    anatomy, images = np.zeros((count, 64, 64), np.uint8), np.full((count, 64, 64), 160, np.uint8)
    for i in range(count):
        for bit, columns in enumerate((slice(8, 28), slice(36, 56))):
            anatomy[i, 10 + i % 8 : 50, columns] |= 1 << bit
    images[anatomy > 0] = 60
    nothing = np.zeros((count, 64, 64), np.uint16)
    return Scenes(images, anatomy, nothing, np.ones(count, bool), np.arange(count), [""] * count)


def test_a_few_steps_seal_what_loads(tmp_path, monkeypatch):
    """On drawn radiographs, as many cells a side as the training wants: 32 of 8 pixels."""
    small = drawn_scenes(24)
    scenes = replace(small, images=enlarged(small.images), anatomy=enlarged(small.anatomy))
    nih = SimpleNamespace(parts=np.repeat(["train", "test"], 12))
    monkeypatch.setattr(rough_latents, "load_scenes", lambda data, out, seed: (nih, scenes, scenes))
    folder = train("rough_latents", tmp_path, tmp_path, scale=0.01)
    assert RoughLatents.load(folder).channels == 8
    card = yaml.safe_load((folder / "README.md").read_text().split("```yaml\n")[1].split("```")[0])
    (figures,) = card["metrics"].values()
    assert {"mse", "mse of the mean latent"} == figures.keys()
    assert card["training"]["real training images"] == 12, "it learns from no test image"


def enlarged(images: np.ndarray) -> np.ndarray:
    return images.repeat(4, 1).repeat(4, 2)
