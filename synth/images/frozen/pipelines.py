"""Folders in diffusers' layout of Stable Diffusion 1.x and 2.x: what they say, and which files go in.

Only JSON, text and safetensors are read, and only parts of the classes named here are taken: nothing of a
folder is run. See :mod:`synth.images.frozen.pipeline_parts` for the networks.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from synth.errors import WeightsError
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.frozen.configs import check_controlnet, check_scheduler, check_unet, check_vae
from synth.images.frozen.files import check_files, count, digests_inside, read_config, read_object
from synth.terminal import shown

INDEX = "model_index.json"
#: The field of a build's config that names a checkpoint.
CHECKPOINT = "images.checkpoint"
PIPELINES = ("StableDiffusionPipeline", "StableDiffusionControlNetPipeline")

#: Part to the classes that it may be of; schedulers are checked where their noise levels are read.
CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
CONFIGS = (
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
)
#: Part with weights to the name of its weight file, without ending.
STEMS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
#: Pixels of the largest image's side that a checkpoint's own word is taken for.
LARGEST_SIDE = 2048
#: Folders of a checkpoint that are read.
PARTS = (*STEMS, "tokenizer", "scheduler")
CONTROLNET_STEM = "diffusion_pytorch_model"
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")

#: Channels that a ControlNet is told: masks in [0, 1] at the image's resolution, anatomy in the order of
#: ANATOMY, then lesions in the order of FINDING_NAMES.
CONTROLS = len(ANATOMY) + len(FINDING_NAMES)


@dataclass(frozen=True)
class WeightFiles:
    """The weight files of one part; ``variant``: None, or diffusers' name of the only one there is."""

    files: tuple[Path, ...]
    variant: str | None = None


@dataclass(frozen=True)
class PipelineFolder:
    """A checkpoint and, as ``controlnet``, the folder of its ControlNet.

    ``factor``: pixels of a latent cell's side; ``multiple``: what an image's side must be a multiple of;
    ``size``: the side in pixels that it was trained at, None where it does not say.
    """

    folder: Path
    controlnet: Path | None
    factor: int
    multiple: int
    size: int | None
    field: str = CHECKPOINT

    @classmethod
    def read(cls, folder: Path, controlnet: Path | None = None, field: str = CHECKPOINT) -> "PipelineFolder":
        """Read and check all but the weights' content; errors name the checkpoint's ``field``.

        Raises WeightsError, one line, for another kind of pipeline, a missing part, pickled weights, or a
        ControlNet that is told anything but CONTROLS masks.
        """
        index = read_object(folder, INDEX, field)
        if (kind := index.get("_class_name")) not in PIPELINES:
            raise WeightsError(f"{field}: {folder} is a {kind}, expected {' or '.join(PIPELINES)}")
        for part, classes in CLASSES.items():
            named = index.get(part)
            if (of := named[-1] if isinstance(named, list) and named else named) not in classes:
                raise WeightsError(f"{field}: {folder}, {part} is {shown(of)}, expected {classes[0]}")
        if controlnet is None and kind == PIPELINES[1]:
            controlnet = folder / "controlnet"
            check_files(folder, ("controlnet",), "images.controlnet")
        check_files(folder, PARTS, field)
        said = {name: read_config(folder, name, field) for name in CONFIGS}
        unet, vae = said["unet/config.json"], said["vae/config.json"]
        check_unet(folder / "unet", unet, field)
        check_vae(folder / "vae", vae, field)
        check_scheduler(folder / "scheduler", said["scheduler/scheduler_config.json"], field)
        factor = 2 ** (count(vae, "block_out_channels", 1, f"{field}: {folder / 'vae'}") - 1)
        halvings = count(unet, "down_block_types", 4, f"{field}: {folder / 'unet'}") - 1
        cells = unet.get("sample_size")
        size = cells * factor if type(cells) is int and 0 < cells * factor <= LARGEST_SIDE else None
        found = cls(folder, controlnet, factor, factor * 2**halvings, size, field)
        found.weights()
        found._check_tokenizer()
        if controlnet is not None:
            found._check_controlnet(controlnet)
        return found

    @property
    def alone(self) -> "PipelineFolder":
        """The checkpoint without its ControlNet."""
        return replace(self, controlnet=None)

    def check_size(self, size: int, field: str = "images.size") -> None:
        """Raises WeightsError, which names the ``field``, unless images of ``size`` pixels can be made."""
        if size % self.multiple:
            raise WeightsError(
                f"{field}: {size}, expected a multiple of {self.multiple}, as VAE and UNet of "
                f"{self.folder} need it"
            )

    def weights(self) -> dict[str, WeightFiles]:
        """Part to its weight files; raises WeightsError for one without safetensors."""
        found = {p: weight_files(self.folder / p, s, self.field) for p, s in STEMS.items()}
        if self.controlnet is not None:
            found["controlnet"] = weight_files(self.controlnet, CONTROLNET_STEM, "images.controlnet")
        return found

    def digests(self) -> dict[str, str]:
        """Relative name to SHA-256 of every file that goes in, for the build's record.

        Names begin with ``images/`` or ``controlnet/``. Raises WeightsError where a folder has pins that
        say otherwise.
        """
        weights = self.weights()
        own = [self.folder / INDEX, *_texts(self.folder / "tokenizer"), *_texts(self.folder / "scheduler")]
        for part in STEMS:
            own += [self.folder / part / "config.json", *weights[part].files]
        found = digests_inside(self.folder, _names(self.folder, own), "images", self.field)
        if self.controlnet is not None:
            files = [self.controlnet / "config.json", *weights["controlnet"].files]
            names = _names(self.controlnet, files)
            found |= digests_inside(self.controlnet, names, "controlnet", "images.controlnet")
        return found

    def _check_tokenizer(self) -> None:
        names = {path.name for path in _texts(self.folder / "tokenizer")}
        if not ({"vocab.json", "merges.txt"} <= names or "tokenizer.json" in names):
            raise WeightsError(
                f"{self.field}: {self.folder / 'tokenizer'} has no vocabulary, expected vocab.json with "
                "merges.txt, or tokenizer.json"
            )

    def _check_controlnet(self, folder: Path) -> None:
        check_files(folder, (".",), "images.controlnet")
        config = read_config(folder, "config.json", "images.controlnet")
        if (kind := config.get("_class_name")) != "ControlNetModel":
            raise WeightsError(f"images.controlnet: {folder} is a {kind}, expected ControlNetModel")
        if (channels := config.get("conditioning_channels", 3)) != CONTROLS:
            raise WeightsError(
                f"images.controlnet: {folder} is told {channels} channels, expected {CONTROLS}: masks of "
                f"{len(ANATOMY)} structures and {len(FINDING_NAMES)} findings"
            )
        check_controlnet(folder, config)
        about = f"images.controlnet: {folder}"
        factor = 2 ** (count(config, "conditioning_embedding_out_channels", 4, about) - 1)
        if factor != self.factor:
            raise WeightsError(
                f"images.controlnet: {folder} has cells of {factor} pixels, expected the checkpoint's "
                f"{self.factor}"
            )


def is_pipeline(folder: Path) -> bool:
    """Whether a folder is in diffusers' layout, and not one of our own image models."""
    return (folder / INDEX).is_file()


def weight_files(folder: Path, stem: str, field: str) -> WeightFiles:
    """The safetensors of one part, whole or sharded; a variant where there is nothing else.

    Raises WeightsError, which names the config's ``field``, for a folder without, or with several other
    variants.
    """
    for variant in _variants(folder, stem, field):
        dotted = f".{variant}" if variant else ""
        files = [folder / f"{stem}{dotted}.safetensors"]
        index = folder / f"{stem}.safetensors.index{dotted}.json"
        if index.is_file():
            shards = sorted(set(shard_names(folder, index.name, field)))
            files += [index, *(folder / name for name in shards)]
            if missing := [p for p in files[2:] if not p.is_file() or p.parent != folder]:
                raise WeightsError(f"{field}: {missing[0]} not found, expected as {index.name} names it")
        if there := tuple(path for path in files if path.is_file()):
            return WeightFiles(there, variant)
    return _refuse(folder, stem, field)


def _variants(folder: Path, stem: str, field: str) -> Iterator[str | None]:
    """Those to look for: none, those of fewer bits, then the only other one that there is."""
    yield from (None, "fp16", "bf16")
    whole, sharded = rf"{stem}\.(\w+)\.safetensors", rf"{stem}\.safetensors\.index\.(\w+)\.json"
    found = (re.fullmatch(f"{whole}|{sharded}", path.name) for path in folder.glob(f"{stem}.*"))
    others = sorted({match[1] or match[2] for match in found if match} - {"fp16", "bf16"})
    if len(others) > 1:
        raise WeightsError(f"{field}: {folder} holds {', '.join(others)} alone, expected {stem}.safetensors")
    yield from others


def _refuse(folder: Path, stem: str, field: str) -> WeightFiles:
    pickles = sorted(p.name for p in folder.glob("*") if p.suffix in PICKLES)
    if pickles:
        whole = folder if field == "images.controlnet" else folder.parent
        raise WeightsError(
            f"{field}: {folder} holds {pickles[0]}, a pickle that may run code, expected safetensors: "
            f"`synthorax convert {shlex.quote(str(whole))} OUT` converts it"
        )
    raise WeightsError(f"{field}: {folder / stem}.safetensors not found, expected diffusers' layout")


def shard_names(folder: Path, index: str, field: str) -> list[str]:
    """The files that an index of shards names, one for each tensor; WeightsError for one that names none."""
    found = read_object(folder, index, field).get("weight_map")
    names = list(found.values()) if isinstance(found, dict) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"{field}: {folder / index} has no weight_map, expected tensors with their files")
    return names


def _texts(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.suffix in (".json", ".txt"))


def _names(root: Path, files: list[Path]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in files]
