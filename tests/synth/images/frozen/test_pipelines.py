"""Folders of diffusers' real classes: what they say is read, what cannot be used is told in one line."""

import json
import shutil

import pytest
from small_pipelines import change_json, pickle_weights

from synth.errors import WeightsError
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.frozen.pipelines import CONTROLS, PipelineFolder, is_pipeline, weight_files
from synth.weights import SHIPPED, digest


def refused(folder, match, controlnet=None):
    with pytest.raises(WeightsError, match=match) as told:
        PipelineFolder.read(folder, controlnet)
    assert "\n" not in str(told.value)
    assert "expected" in str(told.value)


def test_what_the_folder_says_is_read(folder):
    pipeline = PipelineFolder.read(folder)
    assert (pipeline.factor, pipeline.multiple, pipeline.size) == (8, 16, 64)
    assert pipeline.controlnet == folder / "controlnet", "the one inside"
    assert CONTROLS == len(ANATOMY) + len(FINDING_NAMES) == 18
    assert is_pipeline(folder)
    assert not is_pipeline(SHIPPED / "images")
    change_json(folder / "unet" / "config.json", sample_size=None)
    assert PipelineFolder.read(folder).size is None


def test_a_controlnet_may_lie_elsewhere_and_comes_before_the_one_inside(folder, tmp_path):
    other = shutil.copytree(folder / "controlnet", tmp_path / "other")
    assert PipelineFolder.read(folder, other).controlnet == other
    change_json(folder / "model_index.json", _class_name="StableDiffusionPipeline")
    assert PipelineFolder.read(folder).controlnet is None


def test_every_file_that_goes_in_is_digested_and_no_other(folder):
    (folder / "unet" / "notes.md").write_text("unread")
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "config.json").write_text("{}")
    digests = PipelineFolder.read(folder).digests()
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    names -= {"unet/notes.md", "safety_checker/config.json"}
    expected = {n if n.startswith("controlnet/") else f"images/{n}" for n in names}
    assert set(digests) == expected
    assert digests["images/unet/config.json"] == digest(folder / "unet" / "config.json")
    for name in names:
        path = folder / name
        path.write_bytes(path.read_bytes() + b" ")
        assert PipelineFolder(folder, folder / "controlnet", 8, 16, 64).digests() != digests, name
        path.write_bytes(path.read_bytes()[:-1])


def test_pins_beside_a_checkpoint_are_held_to(folder):
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  unet/config.json\n")
    with pytest.raises(WeightsError, match=r"unet/config.json has SHA-256 .*, expected 0000"):
        PipelineFolder.read(folder).digests()


def test_another_pipeline_is_named(folder):
    change_json(folder / "model_index.json", _class_name="StableDiffusionXLPipeline")
    refused(
        folder, "images.checkpoint: .* is a StableDiffusionXLPipeline, expected StableDiffusionPipeline or"
    )


def test_another_part_is_named(folder):
    change_json(folder / "model_index.json", text_encoder=["transformers", "BertModel"])
    refused(folder, "text_encoder is BertModel, expected CLIPTextModel")


@pytest.mark.parametrize(
    "name",
    [
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "scheduler/scheduler_config.json",
        "controlnet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "controlnet/diffusion_pytorch_model.safetensors",
    ],
)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, f"images.c.*{name} not found")


def test_a_tokenizer_without_vocabulary_and_broken_json_are_told(folder):
    (folder / "tokenizer" / "merges.txt").unlink()
    refused(folder, "tokenizer has no vocabulary")
    (folder / "vae" / "config.json").write_text("{")
    refused(folder, r"vae/config.json is no JSON object")


@pytest.mark.parametrize("ending", [".bin", ".ckpt", ".pt", ".pkl"])
def test_pickles_are_refused_and_the_command_named(folder, ending):
    pickle_weights(folder)
    path = folder / "unet" / "diffusion_pytorch_model.bin"
    path.rename(path.with_suffix(ending))
    refused(folder, rf"model\{ending}, a pickle .*expected safetensors: `synthorax convert {folder} OUT`")


def test_a_controlnet_that_is_told_something_else_is_refused(folder):
    config = folder / "controlnet" / "config.json"
    change_json(config, conditioning_channels=3)
    refused(folder, "images.controlnet: .* is told 3 channels, expected 18: masks of 5 structures")
    change_json(config, conditioning_channels=18, conditioning_embedding_out_channels=[4, 8, 8])
    refused(folder, "cells of 4 pixels, expected the checkpoint's 8")
    change_json(config, _class_name="T2IAdapter")
    refused(folder, "is a T2IAdapter, expected ControlNetModel")


def test_sizes_are_multiples_of_what_vae_and_unet_need(folder):
    pipeline = PipelineFolder.read(folder)
    pipeline.check_size(96)
    with pytest.raises(WeightsError, match=r"images.size: 72, expected a multiple of 16"):
        pipeline.check_size(72)


def test_shards_and_a_lone_variant_are_found(folder):
    unet = folder / "unet"
    whole = unet / "diffusion_pytorch_model.safetensors"
    shard = whole.rename(unet / "diffusion_pytorch_model-00001-of-00001.safetensors")
    index = unet / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": shard.name}}))
    found = weight_files(unet, "diffusion_pytorch_model", "images.checkpoint")
    assert (found.files, found.variant) == ((index, shard), None)
    index.write_text(json.dumps({"weight_map": {"a": f"../vae/{whole.name}"}}))
    refused(folder, "not found, expected as")
    index.unlink()
    variant = shard.rename(unet / "diffusion_pytorch_model.fp16.safetensors")
    found = weight_files(unet, "diffusion_pytorch_model", "images.checkpoint")
    assert (found.files, found.variant) == ((variant,), "fp16")


@pytest.mark.parametrize("variant", ["bf16", "non_ema", "ema", "fp32"])
def test_any_variant_that_is_alone_is_found(folder, variant):
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(
        unet / f"diffusion_pytorch_model.{variant}.safetensors"
    )
    assert PipelineFolder.read(folder).weights()["unet"].variant == variant
    other = unet / "diffusion_pytorch_model.odd.safetensors"
    other.write_bytes(b"")
    if variant == "bf16":
        assert PipelineFolder.read(folder).weights()["unet"].variant == variant
    else:
        refused(folder, r"unet holds .*odd.* alone, expected diffusion_pytorch_model.safetensors")
