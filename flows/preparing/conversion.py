"""Pickled weights of folders in diffusers' layout to safetensors: once, and without running their code."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import save_file
from torch import Tensor

from synth.errors import UserError, WeightsError
from synth.images.frozen.files import opened, read_object
from synth.images.frozen.pipelines import (
    CONTROLNET_STEM,
    INDEX,
    PICKLES,
    STEMS,
    PipelineFolder,
    shard_names,
    weight_files,
)
from synth.weights import SUMS, digest

#: What transformers calls a pickled weight file, where it is not named as the safetensors are.
_PICKLED = {"model": "pytorch_model"}
#: Parts that are left out, as nothing here asks them.
_ABSENT = ("safety_checker", "feature_extractor", "image_encoder")


def convert_folder(source: Path, out: Path) -> dict[str, str]:
    """Write a checkpoint, or a ControlNet alone, to the new folder ``out``; relative file name to SHA-256.

    Pickles are opened with ``weights_only``: tensors and nothing else. Safetensors are copied. The pins are
    written too. Raises UserError or WeightsError, one line; nothing is written then.
    """
    if out.exists():
        raise UserError(f"out: {out} exists already, expected a new folder")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        if (source / INDEX).is_file():
            _pipeline(source, partial)
            PipelineFolder.read(partial)
        elif (source / "config.json").is_file():
            _part(source, partial, CONTROLNET_STEM)
        else:
            raise UserError(f"source: {source} has no {INDEX}, expected a folder in diffusers' layout")
        pinned = {p.relative_to(partial).as_posix(): digest(p) for p in _files(partial)}
        (partial / SUMS).write_text("".join(f"{value}  {name}\n" for name, value in pinned.items()))
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return pinned


def _pipeline(source: Path, out: Path) -> None:
    out.mkdir(parents=True)
    index = read_object(source, INDEX, "source")
    index |= {part: [None, None] for part in _ABSENT if part in index}
    index |= {"requires_safety_checker": False} if "requires_safety_checker" in index else {}
    (out / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    for part in ("tokenizer", "scheduler"):
        _texts(source / part, out / part)
    for part, stem in STEMS.items():
        _part(source / part, out / part, stem)
    if (source / "controlnet").is_dir():
        _part(source / "controlnet", out / "controlnet", CONTROLNET_STEM)


def _part(source: Path, out: Path, stem: str) -> None:
    """One part with weights: what is safetensors already is copied."""
    _texts(source, out)
    try:
        files = weight_files(source, stem, "source").files
    except WeightsError:
        tensors: dict[str, Tensor] = {}
        for path in _pickles(source, _PICKLED.get(stem, stem)):
            tensors |= _tensors(path)
        # each of its own memory: safetensors refuses what is shared
        own = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
        save_file(own, out / f"{stem}.safetensors", {"format": "pt"})
    else:
        for path in files:
            _copy(path, out)


def _texts(source: Path, out: Path) -> None:
    """JSON and text files, but those that say which weight file holds what."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*")):
        if path.suffix in (".json", ".txt") and ".index." not in path.name:
            _copy(path, out)


def _copy(path: Path, out: Path) -> None:
    with opened(path.parent, path.name, "source") as file, (out / path.name).open("wb") as copy:
        shutil.copyfileobj(file, copy)


def _pickles(folder: Path, stem: str) -> list[Path]:
    """The pickled weight files of a part: sharded, named as usual, or the only one."""
    for index in (folder / f"{stem}.bin.index.json", folder / f"{stem}.bin.index.fp16.json"):
        if index.is_file():
            names = shard_names(folder, index.name, "source")
            return [folder / name for name in sorted({Path(n).name for n in names})]
    for name in (f"{stem}{dotted}{suffix}" for dotted in ("", ".fp16") for suffix in PICKLES):
        if (folder / name).is_file():
            return [folder / name]
    found = sorted(p for p in folder.glob("*") if p.suffix in PICKLES)
    if len(found) != 1:
        told = ", ".join(p.name for p in found) or "no weights"
        raise UserError(f"source: {folder} holds {told}, expected {stem}.bin")
    return found


def _tensors(path: Path) -> Mapping[str, Tensor]:
    try:
        with opened(path.parent, path.name, "source") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, UnpicklingError, RuntimeError, EOFError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"source: {path} cannot be opened without running code: {first}") from None
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"source: {path} is no state dict, expected names with tensors")
    return content


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.rglob("*") if path.is_file()))
