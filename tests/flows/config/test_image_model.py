"""Where an image model lies, and what its folder settles that the config leaves open."""

import huggingface_hub
import pytest
from small_pipelines import change_json, save_pipeline

from flows.config.image_model import controlnet_folder, image_folder, local_folder, settled
from flows.config.reading import parse_config
from synth.errors import UserError, WeightsError
from synth.weights import SHIPPED

BASE = {"candidates": 8, "output": "out"}


def sampling(**images):
    found = settled(
        parse_config({**BASE, "images": {k: str(v) if k[0] == "c" else v for k, v in images.items()}})
    )
    return found.images.size, found.images.steps, found.images.guidance


def test_ours_keeps_its_defaults_and_others_get_what_suits_them(checkpoints):
    assert sampling() == (256, 12, 1.2)
    assert sampling(checkpoint=SHIPPED / "images") == (256, 12, 1.2)
    assert sampling(checkpoint=checkpoints["controlnet"]) == (64, 25, 4.0)
    assert sampling(checkpoint=checkpoints["plain"]) == (64, 16, 5.0)
    outside = checkpoints["controlnet"] / "controlnet"
    assert sampling(checkpoint=checkpoints["plain"], controlnet=outside) == (64, 25, 4.0)


def test_the_fast_model_has_steps_of_its_own(tmp_path):
    assert sampling(model="fast") == (256, 6, 1.0)
    assert sampling(model="fast", checkpoint=tmp_path) == (256, 6, 1.0)


def test_what_the_config_says_stands(checkpoints):
    said = {"size": 128, "steps": 7, "guidance": 2.5}
    assert sampling(checkpoint=checkpoints["plain"], **said) == tuple(said.values())
    once = settled(parse_config({**BASE, "images": {"checkpoint": str(checkpoints["plain"])}}))
    assert settled(once) is once


def test_a_folder_that_does_not_say_its_size_is_told(tmp_path):
    folder = save_pipeline(tmp_path / "silent")
    change_json(folder / "unet" / "config.json", sample_size=None)
    with pytest.raises(UserError, match=r"images.size: missing, expected pixels: .*silent does not say"):
        sampling(checkpoint=folder)
    assert sampling(checkpoint=folder, size=128)[0] == 128


def test_another_pipeline_is_told_before_anything_is_loaded(tmp_path):
    folder = save_pipeline(tmp_path / "flux")
    change_json(folder / "model_index.json", _class_name="FluxPipeline")
    with pytest.raises(WeightsError, match=r"images.checkpoint: .*flux is a FluxPipeline, expected"):
        sampling(checkpoint=folder)


def test_nothing_named_is_the_shipped_one():
    images = parse_config(BASE).images
    assert image_folder(images) is None
    assert controlnet_folder(images) is None


@pytest.mark.parametrize("name", ["/nowhere/at/all", "runs/images/more", "a", "../user/model", "user/mo del"])
def test_what_is_no_folder_and_no_hub_id_is_told(name):
    with pytest.raises(UserError) as told:
        local_folder(name, "images.controlnet")
    assert str(told.value) == (
        f"images.controlnet: {name}, expected a folder in diffusers' layout or a hub id"
    )


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(monkeypatch, tmp_path):
    # port 9 of this machine: nothing answers there
    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub,
        "snapshot_download",
        lambda name, **options: real(name, endpoint="http://127.0.0.1:9", cache_dir=tmp_path, **options),
    )
    with pytest.raises(UserError) as told:
        local_folder("user/model", "images.checkpoint")
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(
        "images.checkpoint: user/model is no folder here and cannot be had from the hub (LocalEntry"
    )


def test_only_what_is_read_is_asked_of_the_hub(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **options: asked.update(options) or str(tmp_path)
    )
    assert local_folder("user/model", "images.checkpoint") == tmp_path
    files = [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "tokenizer/merges.txt",
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "text_encoder/pytorch_model.pt",
        "safety_checker/model.safetensors",
        "feature_extractor/preprocessor_config.json",
        "v2-1_512-ema-pruned.safetensors",
        "unet/model.py",
    ]
    wanted = huggingface_hub.utils.filter_repo_objects(files, allow_patterns=asked["allow_patterns"])
    assert list(wanted) == files[:6]
