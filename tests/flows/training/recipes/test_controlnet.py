"""A ControlNet for a tiny Stable Diffusion base: what it learns, what it leaves alone, what it is used by."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusionControlNetPipeline,
)
from small_pipelines import change_json, pickle_weights
from small_prepared import COUNT, SIZE, drawn
from small_stable import write_base
from typer.testing import CliRunner

from flows.cli import app
from flows.training.prepared_films import is_held_out
from flows.training.recipes import controlnet
from flows.training.registry import NAMES, train
from manifests.films.prepared import PreparedFilm, PreparedFolder
from synth.cases import MaskSet
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.frozen.pipelines import CONTROLS, PipelineFolder
from synth.weights import SHIPPED, verify_folder


@pytest.fixture
def quick(monkeypatch):
    """Rates for a network that is tiny and trained for seconds."""
    monkeypatch.setattr(controlnet, "RATE", 3e-3)
    monkeypatch.setattr(controlnet, "STEPS", 100)
    monkeypatch.setattr(controlnet, "SAVE_EVERY", 4)


def card_of(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("```yaml\n")[1].split("```")[0])


def weights_of(folder):
    return ControlNetModel.from_pretrained(folder, use_safetensors=True).state_dict()


def taught(data, base, out, scale):
    """The base's digests before, and what a training of so many hundred steps has sealed."""
    before = PipelineFolder.read(base).digests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controlnet, "RATE", 8e-3)
        patch.setattr(controlnet, "STEPS", 100)
        folder = train("controlnet", data, out, base=base, scale=scale)
    return before, folder


@pytest.fixture(scope="module")
def trained(data, base, tmp_path_factory):
    return taught(data, base, tmp_path_factory.mktemp("out"), 3)


@pytest.fixture(scope="module")
def begun(data, base, tmp_path_factory):
    return taught(data, base, tmp_path_factory.mktemp("out"), 0.1)


@pytest.mark.slow
def test_held_out_films_are_told_better_with_their_own_masks(trained):
    (figures,) = card_of(trained[1])["metrics"].values()
    with_, without, others = (
        np.array(list(figures[k].values())) for k in ("with", "without", "with another film's masks")
    )
    assert len(with_) == len(controlnet.LEVELS)
    assert with_.mean() < 0.9 * without.mean()
    assert with_.mean() < 0.99 * others.mean()
    assert (with_ < others)[1:].all(), "the noisier a film, the more its own masks tell of it"


def test_the_base_stays_as_it_was_and_the_card_pins_it(begun, base):
    before, folder = begun
    assert PipelineFolder.read(base).digests() == before
    about = card_of(folder)["training"]
    assert about["base"] == before
    assert "images/unet/diffusion_pytorch_model.safetensors" in before
    held = sum(is_held_out(drawn(i).sha256) for i in range(COUNT))
    assert held >= 2, "the drawn films' hashes must hold some out"
    assert about["training films"] == COUNT - held
    assert list(card_of(folder)["metrics"]) == [f"{held} held-out films"]
    assert verify_folder(folder).keys() == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "synthorax.json",
    }
    told = json.loads((folder / "synthorax.json").read_text())
    assert told["channels"] == [*ANATOMY, *FINDING_NAMES]


@pytest.mark.slow
def test_diffusers_loads_it_and_its_pipeline_follows_the_masks(trained, base):
    network = ControlNetModel.from_pretrained(trained[1], use_safetensors=True, local_files_only=True)
    assert network.config.conditioning_channels == CONTROLS == 18
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        base, controlnet=network, safety_checker=None, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    masks = np.concatenate([drawn(3).masks.anatomy, drawn(3).masks.lesion_channels()])

    def sample(image):
        return pipeline(
            "Mass.",
            image=image,
            num_inference_steps=3,
            guidance_scale=1.0,
            output_type="np",
            generator=torch.Generator().manual_seed(0),
        ).images

    given = torch.from_numpy(masks)[None].float()
    images = sample(given)
    assert images.shape == (1, SIZE, SIZE, 3)
    assert np.isfinite(images).all()
    assert np.array_equal(images, sample(given))
    assert np.abs(images - sample(torch.zeros_like(given))).mean() > 1e-4


def test_a_killed_training_goes_on_to_the_same_weights(data, base, tmp_path, quick, monkeypatch):
    whole = train("controlnet", data, tmp_path / "whole", base=base, scale=0.1)
    real, calls = controlnet.errors, iter(range(100))

    def dies(*arguments):
        if next(calls) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(controlnet, "errors", dies)
    with pytest.raises(KeyboardInterrupt):
        train("controlnet", data, tmp_path / "cut", base=base, scale=0.1)
    monkeypatch.setattr(controlnet, "errors", real)
    again = train("controlnet", data, tmp_path / "cut", base=base, scale=0.1, resume=True)
    ours, theirs = weights_of(whole), weights_of(again)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_a_run_is_not_gone_on_with_on_another_base(data, base, tmp_path, quick):
    train("controlnet", data, tmp_path, base=base, scale=0.05)
    other = write_base(tmp_path / "other", prediction="epsilon")
    with pytest.raises(ValueError, match="resume: base differs from that of"):
        train("controlnet", data, tmp_path, base=other, scale=0.05, resume=True)
    with pytest.raises(ValueError, match="resume: steps differs"):
        train("controlnet", data, tmp_path, base=base, scale=0.04, resume=True)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_error_is_that_of_what_the_base_predicts(prediction):
    """A network that knows the clean latent says exactly its scheduler's target: no error."""
    from diffusers import DDIMScheduler

    from synth.images.denoisers import FrozenDenoiser, NoiseSchedule

    scheduler = DDIMScheduler(prediction_type=prediction)
    rng = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(3, 4, 8, 8, generator=rng) for _ in range(2))
    times = torch.tensor([20, 500, 900])

    def unet(z, t, states):
        assert torch.allclose(z, scheduler.add_noise(clean, noise, t), atol=1e-6)
        wanted = noise if prediction == "epsilon" else scheduler.get_velocity(clean, noise, t)
        return SimpleNamespace(sample=wanted)

    denoiser = FrozenDenoiser(unet, NoiseSchedule.of(scheduler), len, torch.clone, torch.clone, 4)
    found = controlnet.errors(denoiser, None, clean, noise, times, ["", "", ""], torch.zeros(3, 18, 64, 64))
    assert found.shape == (3,)
    assert float(found.max()) < 1e-10


def test_prompts_are_left_out_in_a_tenth_of_the_training(data, base, tmp_path, quick, monkeypatch):
    said, real = [], controlnet.errors

    def listens(*arguments):
        said.extend(arguments[5])
        return real(*arguments)

    monkeypatch.setattr(controlnet, "errors", listens)
    monkeypatch.setattr(controlnet, "evaluate", lambda *_: {})
    train("controlnet", data, tmp_path, base=base, scale=0.5)
    assert len(said) == 50 * controlnet.BATCH
    assert np.mean([prompt == "" for prompt in said]) == pytest.approx(0.1, abs=0.05)
    held = {drawn(i).prompt for i in range(COUNT) if is_held_out(drawn(i).sha256)}
    assert held
    assert not held & set(said), "it learns from no held-out film"


def test_a_base_is_asked_for_where_it_belongs(data, base, tmp_path):
    assert "controlnet" not in NAMES
    with pytest.raises(ValueError, match="base: none for controlnet, expected the folder of"):
        train("controlnet", data, tmp_path)
    for name in ("shape", "all"):
        with pytest.raises(ValueError, match=f"base: .* for {name}, expected none"):
            train(name, data, tmp_path, base=base)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("controlnet",), "base: none for controlnet, expected the folder of"),
        (("shape", "--base", "stable"), "base: stable for shape, expected none"),
        (
            ("controlnet", "--base", "nowhere"),
            "base: nowhere/model_index.json not found, expected diffusers' layout",
        ),
        (("gan",), "name: 'gan', expected all or one of"),
    ],
)
def test_a_users_mistake_is_one_line(data, arguments, message):
    result = CliRunner().invoke(app, ["train", *arguments, "--data", str(data)])
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_films_of_a_size_that_the_unet_cannot_halve_are_told(base, tmp_path):
    target, film = PreparedFolder(tmp_path / "films"), drawn(0)
    small = PreparedFilm(
        **(vars(film) | {"image": film.image[:48, :48], "masks": MaskSet(film.masks.anatomy[:, :48, :48])})
    )
    target.write(small, None)
    target.finish([{"source": "a.png", **target.row(small.sha256, None)}])
    with pytest.raises(ValueError, match=r"data: .*, pixels of its films: 48, expected a multiple of 32"):
        train("controlnet", tmp_path / "films", tmp_path / "out", base=base)


def test_what_is_no_base_is_told(base, tmp_path):
    def refused(change):
        folder = shutil.copytree(base, tmp_path / "stable", dirs_exist_ok=True)
        change(folder)
        with pytest.raises(ValueError, match=r"^base: ") as told:
            controlnet.load_base(folder, "cpu")
        shutil.rmtree(folder)
        assert "\n" not in str(told.value)
        return str(told.value)

    def flows(folder):
        shutil.rmtree(folder / "scheduler")
        FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")

    def fewer_halvings(folder):
        vae = AutoencoderKL(
            block_out_channels=(4, 8),
            down_block_types=["DownEncoderBlock2D"] * 2,
            up_block_types=["UpDecoderBlock2D"] * 2,
            norm_num_groups=4,
        )
        vae.save_pretrained(folder / "vae")

    assert "flow matching scheduler, expected one with betas" in refused(flows)
    assert "2 pixels a latent cell, expected 8" in refused(fewer_halvings)
    assert "a pickle that may run code, expected safetensors" in refused(pickle_weights)
    unet = "unet/config.json"
    assert "cannot be loaded" in refused(lambda folder: change_json(folder / unet, in_channels=9))
    assert "scheduler_config.json not found" in refused(lambda folder: shutil.rmtree(folder / "scheduler"))
    with pytest.raises(ValueError, match=r"^base: .*model_index.json not found"):
        controlnet.load_base(SHIPPED / "images", "cpu")
