"""From a config that names another's checkpoint to shards that verify, with and without a ControlNet."""

import json
import shutil

import huggingface_hub
import pytest
from safetensors.torch import load_file, save_file
from small_pipelines import change_json, pickle_weights, save_pipeline
from standins import digests
from told import is_one_line

from filters.registry import FILTER_NAMES

REAL = {
    "candidates": 6,
    "shard_size": 3,
    "workers": {"count": 1},
    # random weights draw no radiograph: filters that refused them all would leave nothing to look at
    "filters": {
        **{name: {"threshold": -9.0} for name in FILTER_NAMES},
        "anatomy_agreement": {"enabled": False},
    },
}


@pytest.fixture
def config(write_config):
    def write(name="config.yaml", images=(), **changes):
        given = {k: str(v) if k in ("checkpoint", "controlnet") else v for k, v in dict(images).items()}
        return write_config(name, **{**REAL, "images": {"steps": 2, "batch_size": 2, **given}, **changes})

    return write


@pytest.mark.parametrize("kind", ["controlnet", "plain"])
def test_from_config_to_shards_that_verify(invoke, config, checkpoints, tmp_path, kind):
    path, out = config(images={"checkpoint": checkpoints[kind]}), tmp_path / "out"
    code, text, err = invoke("build", path, real=True)
    assert code == 0, err
    assert "6 candidates = " in text
    assert "0 failed" in text
    code, text, err = invoke("verify", out)
    assert code == 0, err + text
    build = json.loads((out / "build.json").read_text())
    images = build["config"]["images"]
    usual = {"controlnet": 4.0, "plain": 5.0}[kind]
    assert (images["size"], images["steps"], images["guidance"]) == (64, 2, usual)
    assert "images/unet/diffusion_pytorch_model.safetensors" in build["weights"]
    assert any(name.startswith("controlnet/") for name in build["weights"]) == (kind == "controlnet")
    again = config("again.yaml", images={"checkpoint": checkpoints[kind]}, output=str(tmp_path / "two"))
    assert invoke("build", again, "--set", "workers.count=2", real=True)[0] == 0
    assert digests(tmp_path / "two") == digests(out)


def test_a_controlnet_beside_the_checkpoint(invoke, config, checkpoints, tmp_path):
    images = {"checkpoint": checkpoints["plain"], "controlnet": checkpoints["controlnet"] / "controlnet"}
    assert invoke("build", config(images=images), real=True)[0] == 0
    assert invoke("verify", tmp_path / "out")[0] == 0


def test_another_checkpoint_is_not_mixed_in(invoke, config, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["plain"], tmp_path / "copy")
    out, path = tmp_path / "out", config(images={"checkpoint": folder})
    assert invoke("build", path, real=True)[0] == 0
    sorted((out / "commits").glob("*.json"))[-1].unlink()  # as after a kill: a shard is left to be made
    before = digests(out)
    other = save_pipeline(tmp_path / "other", seed=1)
    shutil.copy(other / "unet" / "diffusion_pytorch_model.safetensors", folder / "unet")
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(
        err, "holds another build", "weights.images/unet/diffusion_pytorch_model.safetensors was"
    )
    change_json(folder / "scheduler" / "scheduler_config.json", steps_offset=0)
    shutil.copy(checkpoints["plain"] / "unet" / "diffusion_pytorch_model.safetensors", folder / "unet")
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "weights.images/scheduler/scheduler_config.json was")
    assert digests(out) == before
    moved = config(images={"checkpoint": checkpoints["plain"]})  # the same files elsewhere
    assert invoke("build", moved, real=True)[0] == 0
    assert invoke("verify", out)[0] == 0


def test_prompts_that_are_cut_are_counted_in_one_line(invoke, config, checkpoints, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(f"left nodule\n{'small left effusion ' * 30}\nnormal chest\n")
    images = {"checkpoint": checkpoints["controlnet"], "batch_size": 3}
    code, _, err = invoke("build", config(images=images, prompts={"file": str(prompts)}), real=True)
    assert code == 0, err
    told = [line for line in err.splitlines() if "prompts of this run" in line]
    assert told == [
        "2 prompts of this run are longer than the 77 tokens that the image model reads, and were cut"
    ]


def test_no_prompt_is_cut_and_nothing_said_of_it(invoke, config, checkpoints, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("left nodule\nnormal chest\n")
    path = config(images={"checkpoint": checkpoints["controlnet"]}, prompts={"file": str(prompts)})
    code, _, err = invoke("build", path, real=True)
    assert code == 0
    assert "cut" not in err


def test_a_plan_names_the_checkpoint_and_its_sampling(invoke, config, checkpoints):
    path = config(images={"checkpoint": checkpoints["plain"]})
    code, text, err = invoke("plan", path, real=True)
    assert code == 0, err
    assert "64², 2 steps, guidance 5.0" in text
    assert "checkpoint" in text


def test_pickles_are_refused_and_the_named_command_mends_it(invoke, config, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["plain"], tmp_path / "pickled")
    pickle_weights(folder)
    code, _, err = invoke("build", config(images={"checkpoint": folder}), real=True)
    assert code == 2
    assert is_one_line(err, f"`synthorax convert {folder} OUT`")
    code, text, err = invoke("convert", folder, tmp_path / "safe")
    assert code == 0, err
    assert f"{tmp_path / 'safe' / 'unet' / 'diffusion_pytorch_model.safetensors'}" in text
    assert invoke("build", config(images={"checkpoint": tmp_path / "safe"}), real=True)[0] == 0


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ({"size": 80}, "images.size: 80"),
        ({"checkpoint": "nowhere at all"}, "images.checkpoint: nowhere at all, expected a folder"),
        ({"controlnet": "nowhere at all"}, "images.controlnet: nowhere at all, expected a folder"),
    ],
)
def test_mistakes_are_one_line(invoke, config, checkpoints, tmp_path, images, told):
    path = config(images={"checkpoint": checkpoints["plain"], **images})
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, told)
    assert not (tmp_path / "out").exists()


def test_a_size_that_the_unet_cannot_halve_is_told(invoke, config, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["plain"], tmp_path / "deep")
    deep = {"down_block_types": ["DownBlock2D"] * 4}
    change_json(folder / "unet" / "config.json", **deep)
    code, _, err = invoke("build", config(images={"checkpoint": folder, "size": 96}), real=True)
    assert code == 2
    assert is_one_line(err, "images.size: 96, expected a multiple of 64")


def test_a_controlnet_for_our_own_weights_is_refused(invoke, config, checkpoints, tmp_path):
    path = config(images={"controlnet": checkpoints["controlnet"] / "controlnet"})
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "images.controlnet: ", "expected none")
    assert not (tmp_path / "out").exists()


def test_a_hub_that_cannot_be_reached_is_one_line(invoke, config, tmp_path, monkeypatch):
    def nowhere(name, **options):
        return real(name, endpoint="http://127.0.0.1:9", cache_dir=tmp_path / "cache", **options)

    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(huggingface_hub, "snapshot_download", nowhere)
    code, _, err = invoke("build", config(images={"checkpoint": "user/model"}), real=True)
    assert code == 2
    assert is_one_line(err, "images.checkpoint: user/model is no folder here and cannot be had from the hub")
    assert not (tmp_path / "out").exists()


def test_a_build_that_accepts_nothing_says_so_and_ends_with_its_own_code(
    invoke, config, checkpoints, tmp_path
):
    strict = {"filters": {"anatomy_agreement": {"enabled": False}}}
    code, text, err = invoke(
        "build", config(images={"checkpoint": checkpoints["plain"]}, **strict), real=True
    )
    assert code == 3
    assert "6 candidates = 0 accepted + 6 rejected + 0 failed" in text
    assert "NOTHING WAS ACCEPTED of 6 candidates (6 rejected, 0 failed): the dataset is empty" in err
    assert f"synthorax audit {tmp_path / 'out'}` says why" in err


def test_weights_that_are_no_numbers_are_told_before_a_shard_begins(invoke, config, tmp_path):
    folder = save_pipeline(tmp_path / "broken")
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(unet)
    save_file({**tensors, "conv_out.bias": tensors["conv_out.bias"] * float("nan")}, unet, {"format": "pt"})
    code, _, err = invoke("build", config(images={"checkpoint": folder}), real=True)
    assert code == 2
    assert is_one_line(err, "images.checkpoint: ", "unet, conv_out.bias holds numbers that are not finite")
    assert not (tmp_path / "out" / "commits").exists()
