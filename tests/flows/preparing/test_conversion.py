"""Pickled folders become safetensors with the same tensors, and no code of theirs runs."""

import os
import shutil

import pytest
import torch
from safetensors.torch import load_file
from small_pipelines import pickle_weights, save_pipeline

from flows.preparing.conversion import convert_folder
from synth.errors import UserError, WeightsError
from synth.images.frozen.pipeline_parts import PipelineParts
from synth.images.frozen.pipelines import PipelineFolder
from synth.weights import verify_folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "saved", controlnet=True)


@pytest.fixture
def pickled(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "pickled")
    pickle_weights(folder)
    return folder


def test_a_refused_folder_is_accepted_once_converted(saved, pickled, tmp_path):
    with pytest.raises(WeightsError, match="synthorax convert"):
        PipelineFolder.read(pickled)
    out = tmp_path / "out"
    pinned = convert_folder(pickled, out)
    assert verify_folder(out) == pinned
    assert not [p for p in out.rglob("*") if p.suffix == ".bin"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "pickled"]
    parts = PipelineParts.load(PipelineFolder.read(out))
    for name in ("unet/diffusion_pytorch_model", "text_encoder/model", "controlnet/diffusion_pytorch_model"):
        one, two = (load_file(f / f"{name}.safetensors") for f in (saved, out))
        assert one.keys() == two.keys()
        assert all(torch.equal(v, two[k]) for k, v in one.items())
    assert parts.controlnet is not None


def test_safetensors_are_kept_and_parts_that_are_not_asked_left_out(saved, tmp_path):
    source, out = shutil.copytree(saved, tmp_path / "source"), tmp_path / "out"
    (source / "safety_checker").mkdir()
    (source / "safety_checker" / "pytorch_model.bin").write_bytes(b"never opened")
    convert_folder(source, out)
    assert not (out / "safety_checker").exists()
    for name in ("unet/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json"):
        assert (out / name).read_bytes() == (saved / name).read_bytes()


@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b"[" * 3000, b"\xff"])
def test_an_index_that_is_none_is_told(pickled, tmp_path, content):
    for name, told in (
        ("unet/diffusion_pytorch_model.bin.index.json", "no JSON object|has no weight_map"),
        ("model_index.json", "no JSON object"),
    ):
        (pickled / name).write_bytes(content)
        with pytest.raises(WeightsError, match=rf"source: .*{name} .*{told}") as error:
            convert_folder(pickled, tmp_path / "out")
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["pickled"]


@pytest.mark.parametrize("kind", ["pipe", "link out"])
def test_what_is_no_file_of_the_folder_is_not_copied(pickled, tmp_path, kind):
    (tmp_path / "outside").write_text("{}")
    path = pickled / "tokenizer" / "more.json"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "outside")
    with pytest.raises(WeightsError, match=r"more.json cannot be read: is (no regular file|a link out)"):
        convert_folder(pickled, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_controlnet_alone(pickled, saved, tmp_path):
    convert_folder(pickled / "controlnet", tmp_path / "net")
    assert PipelineFolder.read(saved, tmp_path / "net").controlnet == tmp_path / "net"


def test_shards_shared_memory_and_a_wrapped_state_dict(saved, pickled, tmp_path):
    unet = pickled / "unet"
    tensors = torch.load(unet / "diffusion_pytorch_model.bin", weights_only=True)
    (unet / "diffusion_pytorch_model.bin").unlink()
    names = [f"diffusion_pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    where = {key: names[i % 2] for i, key in enumerate(tensors)}
    for name in names:
        torch.save({k: v for k, v in tensors.items() if where[k] == name}, unet / name)
    text = '{"weight_map": {%s}}' % ", ".join(f'"{k}": "{v}"' for k, v in where.items())  # noqa: UP031
    (unet / "diffusion_pytorch_model.bin.index.json").write_text(text)
    path = pickled / "vae" / "diffusion_pytorch_model.bin"
    content = torch.load(path, weights_only=True)
    bias = content["encoder.conv_in.bias"]
    content["encoder.conv_in.bias"] = torch.stack([bias, bias])[0]  # a view
    torch.save({"state_dict": content, "step": 3}, path.with_suffix(".ckpt"))
    path.unlink()
    out = tmp_path / "out"
    convert_folder(pickled, out)
    assert not list(out.rglob("*.index.json"))
    for name in ("unet", "vae"):
        one, two = (load_file(f / name / "diffusion_pytorch_model.safetensors") for f in (saved, out))
        assert one.keys() == two.keys()
        assert all(torch.equal(v, two[k]) for k, v in one.items())


class Trap:
    """Pickled, it makes a folder when opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_pickle_does_not_run_and_nothing_is_written(pickled, tmp_path):
    sprung = tmp_path / "sprung"
    torch.save({"a": Trap(sprung)}, pickled / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"source: .*cannot be opened without running code") as told:
        convert_folder(pickled, tmp_path / "out")
    assert "\n" not in str(told.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pickled"]


def test_mistakes_are_told_in_one_line(pickled, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match=r"out: .*there exists already, expected a new folder"):
        convert_folder(pickled, tmp_path / "there")
    with pytest.raises(UserError, match=r"source: .*there has no model_index.json, expected"):
        convert_folder(tmp_path / "there", tmp_path / "out")
    torch.save([1], pickled / "vae" / "diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match="is no state dict, expected names with tensors"):
        convert_folder(pickled, tmp_path / "out")
    (pickled / "vae" / "diffusion_pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"vae holds no weights, expected diffusion_pytorch_model.bin"):
        convert_folder(pickled, tmp_path / "out")
    assert not (tmp_path / "out").exists()
