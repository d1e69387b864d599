"""A checkpoint of somebody else is only a folder: its own regular files, configs of sizes that there are."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_pipelines import change_json

from synth.errors import WeightsError
from synth.images.frozen.pipeline_parts import PipelineParts
from synth.images.frozen.pipelines import CONFIGS, INDEX, PipelineFolder
from synth.weights import LARGEST_TEXT

UNET = "unet/diffusion_pytorch_model.safetensors"
NONE = [b"", b"{}", b"[]", b"null", b"3", b"\xff\xfe", b"[" * 3000, b'{"a":' * 3000, b'{"a": NaN}']


def load(folder):
    pipeline = PipelineFolder.read(folder)
    pipeline.digests()
    return PipelineParts.load(pipeline)


def refused(folder, match="images.c", made=load):
    with pytest.raises(WeightsError, match=match) as told:
        made(folder)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 1000


@pytest.mark.parametrize("content", NONE, ids=range(len(NONE)))
@pytest.mark.parametrize("name", [INDEX, *CONFIGS, "controlnet/config.json"])
def test_a_config_that_is_none_is_told(folder, name, content):
    (folder / name).write_bytes(content)
    refused(folder)


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        (INDEX, {"unet": 5}, "unet is 5, expected UNet2DConditionModel"),
        (INDEX, {"vae": {"a": 1}}, "vae is {'a': 1}, expected AutoencoderKL"),
        ("unet/config.json", {"down_block_types": 5}, "down_block_types is no list, expected 1 to 256"),
        (
            "unet/config.json",
            {"block_out_channels": [1 << 30, 8]},
            "block_out_channels: .* expected 1048576",
        ),
        ("unet/config.json", {"layers_per_block": 100_000}, "layers_per_block: 100000, expected 256 or less"),
        ("vae/config.json", {"block_out_channels": [4] * 300}, "block_out_channels is no list"),
        ("vae/config.json", {"block_out_channels": 4}, "block_out_channels is no list"),
        ("text_encoder/config.json", {"num_hidden_layers": 10**9}, "num_hidden_layers: 1e.09, expected 256"),
        (
            "text_encoder/config.json",
            {"vocab_size": 1 << 20, "hidden_size": 4096},
            "expected about the",
        ),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 10**12}, "num_train_timesteps: 1e.12"),
        ("scheduler/scheduler_config.json", {"beta_schedule": 7}, "scheduler cannot be loaded"),
        ("controlnet/config.json", {"conditioning_embedding_out_channels": 7}, "channels is no list"),
    ],
)
def test_a_config_that_asks_for_what_no_network_has_is_told(folder, name, changes, told):
    change_json(folder / name, **changes)
    refused(folder, told)


@pytest.mark.parametrize("mapped", [None, [], {}, {"a": 3}, {"a": {}}, "x"])
def test_an_index_of_shards_that_is_none_is_told(folder, mapped):
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model-00001-of-00001.safetensors")
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": mapped}))
    refused(folder, "has no weight_map, expected tensors with their files")


@pytest.mark.parametrize("name", ["tokenizer/more.json", "scheduler/more.txt", "unet/config.json", UNET])
@pytest.mark.parametrize("kind", ["pipe", "device", "link out", "link to a pipe"])
def test_what_is_no_file_of_the_folder_is_told_and_not_waited_for(folder, tmp_path, name, kind):
    path = folder / name
    outside = tmp_path / "outside"
    if path.exists():
        path.rename(outside)
    else:
        outside.write_text("{}")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(folder / "unread")
        path.symlink_to(folder / "unread")
    else:
        path.symlink_to("/dev/zero" if kind == "device" else outside)
    refused(folder, f"{name} cannot be read: is (no regular file|a link out of the folder), expected")


def test_a_controlnet_inside_that_leads_out_is_told(folder, tmp_path):
    (folder / "controlnet").rename(tmp_path / "elsewhere")
    (folder / "controlnet").symlink_to(tmp_path / "elsewhere")
    refused(folder, "images.controlnet: .*is a link out of the folder")
    assert PipelineFolder.read(folder, tmp_path / "elsewhere").controlnet == tmp_path / "elsewhere"


def test_a_text_without_end_is_told(folder):
    with (folder / "tokenizer" / "more.txt").open("wb") as file:
        file.truncate(LARGEST_TEXT + 1)
    refused(folder, "more.txt has 67108865 bytes, expected at most 67108864 of a text")


def test_a_folder_of_a_hub_s_cache_is_read_through_its_links(folder, tmp_path):
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / "1", tmp_path / "models--a--b" / "blobs"
    shutil.copytree(folder, snapshot)
    blobs.mkdir()
    for number, path in enumerate(sorted(p for p in snapshot.rglob("*") if p.is_file())):
        path.rename(blobs / str(number))
        path.symlink_to(os.path.relpath(blobs / str(number), path.parent))
    assert set(load(snapshot).unet.state_dict()) == set(load(folder).unet.state_dict())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_told_by_their_name(folder, value):
    tensors = load_file(folder / UNET)
    save_file({**tensors, "conv_in.bias": torch.full_like(tensors["conv_in.bias"], value)}, folder / UNET)
    refused(folder, "unet, conv_in.bias holds numbers that are not finite")
