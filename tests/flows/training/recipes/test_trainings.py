"""Trainings at a hundredth of their length: they resume, repeat, and seal what can be loaded."""

import numpy as np
import pytest
import torch
from torch import nn

from flows.material.real import load_nih, part_of
from flows.training.loop import Schedule, fit, step_rng
from flows.training.sealing import DATA
from synth.errors import UserError


def loss_on(network):
    def loss_of(step, rng):
        x = torch.from_numpy(rng.standard_normal((8, 4)).astype(np.float32))
        return ((network(x) - x.sum(1, keepdim=True)) ** 2).mean()

    return loss_of


def trained(tmp_path, name, steps, resume=False, total=40):
    torch.manual_seed(0)
    network = nn.Linear(4, 1)
    schedule = Schedule(steps=total, lr=0.2, warmup=5, bf16=False, save_every=10)
    if steps < total:

        class Killed(Exception):
            pass

        calls = iter(range(total))

        def dies(step, rng):
            if next(calls) == steps:
                raise Killed
            return loss_on(network)(step, rng)

        with pytest.raises(Killed):
            fit(network, dies, schedule, tmp_path / name, 3)
        return None
    return fit(network, loss_on(network), schedule, tmp_path / name, 3, resume=resume)


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path):
    whole = trained(tmp_path, "whole", 40)
    trained(tmp_path, "cut", 25)
    resumed = trained(tmp_path, "cut", 40, resume=True)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_loop_learns(tmp_path):
    network = trained(tmp_path, "learns", 40)
    assert (network.weight - 1).abs().max() < 0.2


def test_the_randomness_of_a_step_is_its_own():
    assert step_rng(1, 5).random() == step_rng(1, 5).random()
    assert step_rng(1, 5).random() != step_rng(1, 6).random()


def test_splits_are_by_patient_and_of_the_stated_sizes(shared_data):
    nih = load_nih(shared_data, 32)
    for patient in set(nih.patients):
        assert len(set(nih.parts[nih.patients == patient])) == 1
    shares = [
        np.mean([part_of(f"{i}") == part for i in range(20000)]) for part in ("train", "calibration", "test")
    ]
    assert shares == pytest.approx([0.70, 0.12, 0.18], abs=0.015)


def test_the_smallest_weights_repeat_from_their_command(shared_data, tmp_path):
    """The shape model, made again by its documented command, has the shipped digest."""
    films = len((shared_data / "nih" / "labels.csv").read_text().splitlines()) - 1
    if f"{films} frontal radiographs" not in DATA["nih"]:
        pytest.skip(
            f"nih holds {films} films, the weights that ship learned from another number: {DATA['nih']}"
        )
    from safetensors.numpy import load_file

    from flows.training.registry import train
    from synth.weights import SHIPPED

    again = load_file(train("shape", shared_data, tmp_path) / "model.safetensors")
    shipped = load_file(SHIPPED / "shape" / "model.safetensors")
    assert again.keys() == shipped.keys()
    for name, value in shipped.items():
        assert np.allclose(np.abs(again[name]), np.abs(value), rtol=1e-3, atol=1e-4), name


def test_an_unknown_name_and_missing_data_are_told(tmp_path):
    from flows.training.registry import train

    with pytest.raises(ValueError, match="name: 'gan', expected all or one of"):
        train("gan", tmp_path, tmp_path)
    with pytest.raises(UserError, match="not found, expected the layout"):
        train("shape", tmp_path, tmp_path)


def test_only_images_begin_with_a_checkpoint(tmp_path):
    from flows.training.registry import train

    with pytest.raises(ValueError, match=r"init: .* for shape, expected none"):
        train("shape", tmp_path, tmp_path, init=tmp_path)


def test_images_go_on_from_a_checkpoint_as_it_was():
    from flows.training.recipes.images import first_weights
    from synth.images.model import CONDITION, ImageModel
    from synth.weights import SHIPPED

    model, tokenizer = first_weights(SHIPPED / "images", 0, ())
    shipped = ImageModel.load(SHIPPED / "images")
    rng = torch.Generator().manual_seed(0)
    channels = shipped.unet.config["out_channels"]
    x = torch.randn(1, channels + CONDITION, 8, 8, generator=rng)
    states = torch.randn(1, 64, 128, generator=rng)
    with torch.no_grad():
        a, b = (u.eval()(x, torch.tensor([300.0]), states).sample for u in (model.unet, shipped.unet))
    assert torch.equal(a, b)
    assert tokenizer.get_vocab() == shipped.tokenizer.get_vocab()


def test_rare_decades_are_drawn_more_often_than_they_occur_and_less_than_common_ones():
    from flows.training.recipes.images import drawn, rarity

    ages = np.repeat([45, 82], [90, 10])
    odds = rarity(ages)
    assert odds[90:].sum() / odds.sum() == pytest.approx(0.25)  # roots of 90 and 10 are as 3 to 1
    some = np.arange(60, 100)
    picks = drawn(np.random.default_rng(0), some, odds[some], 4000)
    assert set(picks) == set(some)
    assert (picks >= 90).mean() == pytest.approx(0.5, abs=0.04)  # 30 of the one, 10 of the other
