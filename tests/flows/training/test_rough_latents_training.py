"""Training of rough latents: image and masks are turned alike, and a few steps seal what loads."""

import pytest
import torch
import yaml

from flows.train import train
from flows.training.rough_latents import mirror
from synth.findings import ANATOMY
from synth.rough_latents import RoughLatents


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


@pytest.mark.slow
def test_a_few_steps_seal_what_loads(shared_data, tmp_path, monkeypatch):
    """On few simulated scenes, which this training does not look at."""
    import flows.training.rough_latents as training

    load = training.load_scenes
    monkeypatch.setattr(training, "load_scenes", lambda data, out, seed: load(data, out, seed, 4))
    folder = train("rough_latents", shared_data, tmp_path, scale=0.01)
    assert RoughLatents.load(folder).channels == 8
    card = yaml.safe_load((folder / "README.md").read_text().split("```yaml\n")[1].split("```")[0])
    (figures,) = card["metrics"].values()
    assert {"mse", "mse of the mean latent"} == figures.keys()
