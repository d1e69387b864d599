"""One rule for every checkpoint folder: what is read is pinned, its own, finite and of the right shape."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy
from filters.experts.embedding import INDEX
from filters.experts.evaluators import AttributeEvaluator, load_finding_evaluator, load_lung_evaluator
from filters.experts.lite import LiteExpert
from filters.panel import Panel
from filters.settings import JudgeSettings
from synth.errors import WeightsError
from synth.images.model import ImageModel
from synth.masks.anatomy import ShapeModel
from synth.masks.generator import MaskGenerator
from synth.weights import SHIPPED, SUMS, digest, pins, read_pinned, verify_folder

#: Shipped folder to what reads it.
FOLDERS: dict[Path, Callable[[Path], object]] = {
    SHIPPED / "masks": MaskGenerator.load,
    SHIPPED / "shape": ShapeModel.load,
    SHIPPED / "images": ImageModel.load,
    CHECKPOINTS / "anatomy": EmbeddedAnatomy.load,
    CHECKPOINTS / "findings_lite0": LiteExpert.read,
    CHECKPOINTS / "findings_lite1": LiteExpert.read,
    CHECKPOINTS / "evaluator_anatomy": load_lung_evaluator,
    CHECKPOINTS / "evaluator_lite2": load_finding_evaluator,
    CHECKPOINTS / "evaluator_attributes": AttributeEvaluator.load,
}
FILES = [(f, name) for f in FOLDERS for name in pins(f) if name != INDEX]
TENSORS = [(f, name) for f, name in FILES if name.endswith(".safetensors")]
CONFIGS = [(f, name) for f, name in FILES if name.endswith(".json")]
NAMES = {"argvalues": FILES, "ids": [f"{f.name}-{name}" for f, name in FILES]}


@pytest.fixture
def copied(tmp_path):
    """A checkpoint folder of the test's own."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / "copied" / folder.name))

    return copy


def pin_again(folder: Path) -> None:
    (folder / SUMS).write_text("".join(f"{digest(folder / name)}  {name}\n" for name in pins(folder)))


def unpin(folder: Path, name: str) -> None:
    left = [line for line in (folder / SUMS).read_text().splitlines(True) if not line.endswith(f"  {name}\n")]
    (folder / SUMS).write_text("".join(left))


def refused(folder: Path, copy: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        FOLDERS[folder](copy)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 900
    return str(caught.value)


@pytest.mark.parametrize(("folder", "name"), **NAMES)
def test_a_file_that_no_pin_names_is_not_read(copied, folder, name):
    unpin(copy := copied(folder), name)
    assert f"does not name {name}, expected its pin" in refused(folder, copy)


@pytest.mark.parametrize(("folder", "name"), **NAMES)
def test_what_is_pinned_and_empty_is_told(copied, folder, name):
    (copy := copied(folder)).joinpath(name).write_bytes(b"")
    pin_again(copy)
    assert name.rpartition("/")[2].partition(".")[0] in refused(folder, copy) or "tokenizer" in name


@pytest.mark.parametrize(("folder", "name"), TENSORS, ids=[f"{f.name}-{n}" for f, n in TENSORS])
def test_numbers_that_are_not_finite_and_other_shapes_are_told(copied, folder, name):
    path = (copy := copied(folder)) / name
    tensors = load_file(path)
    first = next(k for k, v in tensors.items() if v.is_floating_point() and v.numel() > 1)
    for changed, told in (
        ({**tensors, first: torch.full_like(tensors[first], float("nan"))}, "not finite"),
        ({**tensors, first: tensors[first].flatten()[:-1].clone()}, ""),
        ({k: v for k, v in tensors.items() if k != first}, ""),
    ):
        save_file(changed, path)
        pin_again(copy)
        assert told in refused(folder, copy)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "[" * 3000, '{"a": 1, "a": 2}', "\xff", '"config"'])
@pytest.mark.parametrize(
    ("folder", "name"),
    [(f, n) for f, n in CONFIGS if f.name in ("masks", "anatomy", "findings_lite0", "evaluator_attributes")],
)
def test_a_config_that_is_none_is_told(copied, folder, name, text):
    (copy := copied(folder)).joinpath(name).write_text(text, "latin-1")
    pin_again(copy)
    refused(folder, copy)


@pytest.mark.parametrize(
    "text", ["[]", "null", "[" * 3000, '{"vocab_size": 9999999999, "block_out_channels": [1]}']
)
@pytest.mark.parametrize(
    "name", [n for f, n in CONFIGS if f.name == "images" and n != "tokenizer/tokenizer.json"]
)
def test_a_config_of_the_image_model_that_is_none_is_told(copied, name, text):
    folder = SHIPPED / "images"
    (copy := copied(folder)).joinpath(name).write_text(text)
    pin_again(copy)
    if name.startswith("tokenizer") and text.startswith("{"):
        pytest.skip("a tokenizer without signs of its own is one")
    if name.startswith("scheduler") and text.startswith("{"):
        assert "expected 1048576 or less" in refused(folder, copy)
    refused(folder, copy)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("resolution", 0),
        ("resolution", "128"),
        ("structures", []),
        ("structures", "lung"),
        ("resolution", None),
    ],
)
def test_a_config_with_another_value_names_it(copied, key, value):
    folder = CHECKPOINTS / "anatomy"
    path = (copy := copied(folder)) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    pin_again(copy)
    assert key in refused(folder, copy)


def test_what_a_library_would_find_beside_the_pinned_files_is_not_read(copied):
    """diffusers prefers an index of several files, transformers takes tokens added in files of their own."""
    copy = copied(SHIPPED / "images")
    (copy / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "b"}}'
    )
    (copy / "tokenizer" / "added_tokens.json").write_text('{"effusion": 0}')
    (copy / "tokenizer" / "special_tokens_map.json").write_text('{"eos_token": "x"}')
    shipped, other = ImageModel.load(SHIPPED / "images"), ImageModel.load(copy)
    prompt = "Chest radiograph; effusion."
    assert shipped.tokenizer(prompt)["input_ids"] == other.tokenizer(prompt)["input_ids"]
    for name in ("codec", "unet", "text_encoder"):
        a, b = getattr(shipped, name).state_dict(), getattr(other, name).state_dict()
        assert all(torch.equal(a[k], b[k]) for k in a)


def test_the_image_model_is_what_its_libraries_make_of_the_folder():
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, PreTrainedTokenizerFast

    folder = SHIPPED / "images"
    ours = ImageModel.load(folder)
    theirs = {
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet", low_cpu_mem_usage=False).float(),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder").float(),
    }
    for name, network in theirs.items():
        a, b = getattr(ours, name).state_dict(), network.state_dict()
        assert a.keys() == b.keys()
        assert all(torch.equal(a[k], b[k]) for k in a)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")
    for prompt in ("", "Mild left effusion, 63 years.", "<|endoftext|> ü 肺", "word " * 99):
        options = {"padding": "max_length", "truncation": True, "max_length": 64}
        assert ours.tokenizer(prompt, **options)["input_ids"] == tokenizer(prompt, **options)["input_ids"]


def test_a_training_index_without_a_pin_is_not_read(copied):
    copy = copied(CHECKPOINTS / "anatomy")
    shutil.copytree(CHECKPOINTS / "findings_lite0", copy.parent / "findings_lite0")
    unpin(copy, INDEX)
    with pytest.raises(WeightsError, match=f"does not name {INDEX}"):
        Panel.load(JudgeSettings(checkpoints=copy.parent))


@pytest.mark.parametrize("how", ["pipe", "zero", "folder", "outside"])
def test_a_pin_of_what_is_no_file_of_the_folder_is_told(copied, tmp_path, how):
    copy = copied(SHIPPED / "shape")
    path = copy / "model.safetensors"
    path.rename(tmp_path / "outside.safetensors")
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if how == "zero" else tmp_path / "outside.safetensors")
    assert "cannot be read" in refused(SHIPPED / "shape", copy)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "model.safetensors"])
def test_a_pin_of_a_path_elsewhere_or_a_second_one_is_told(copied, tmp_path, name):
    copy = copied(SHIPPED / "shape")
    with (copy / SUMS).open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    assert f"{SUMS}, line 2" in refused(SHIPPED / "shape", copy)


def test_a_folder_of_a_hub_s_cache_is_read_through_its_links(tmp_path):
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    blobs.mkdir()
    folder.mkdir(parents=True)
    for name in (SUMS, *pins(SHIPPED / "shape")):
        shutil.copy(SHIPPED / "shape" / name, blobs / digest(SHIPPED / "shape" / name))
        (folder / name).symlink_to(f"../../blobs/{digest(SHIPPED / 'shape' / name)}")
    assert verify_folder(folder) == pins(SHIPPED / "shape")
    assert ShapeModel.load(folder)
    assert read_pinned(folder, "model.safetensors")
