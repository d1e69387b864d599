"""Where a config's image model lies, and what it settles that the config leaves open."""

import os
import re
from pathlib import Path

from flows.config.cells import settled_cells
from flows.config.schema import BuildConfig, Images
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.settings import CONTROLLED, FROZEN, ONE_PASS, OWN, SynthesisSettings

#: Fields of ``images`` that a checkpoint settles.
SAMPLING = ("size", "steps", "guidance")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
#: What is taken from a hub: never a pickle, and none of the parts that are not used.
_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler", "controlnet")
_FILES = ("*.json", "*.txt", "*.safetensors")
_WANTED = [
    "model_index.json",
    "config.json",
    "diffusion_pytorch_model*.json",
    "diffusion_pytorch_model*.safetensors",
    "synthorax.json",
    "SHA256SUMS",
    *(f"{part}/{files}" for part in _PARTS for files in _FILES),
]


def local_folder(name: str, field: str) -> Path:
    """The folder that ``name`` is, or that the hub's repository of that id was downloaded to.

    Raises UserError, one line that names the config's ``field``.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if folder.exists() or not _HUB_ID.fullmatch(name):
        raise UserError(f"{field}: {name}, expected a folder in diffusers' layout or a hub id")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED))
    except (OSError, ValueError) as error:  # the hub's errors and httpx's are OSErrors here
        told = (str(error).strip().splitlines() or [""])[0]
        raise UserError(
            f"{field}: {name} is no folder here and cannot be had from the hub "
            f"({type(error).__name__}: {told[:160]})"
        ) from None


def image_folder(images: Images) -> Path | None:
    """The checkpoint's folder, None for the shipped one."""
    return local_folder(images.checkpoint, "images.checkpoint") if images.checkpoint else None


def controlnet_folder(images: Images) -> Path | None:
    """The ControlNet's folder, None where none is named; a checkpoint's folder may hold one of its own."""
    return local_folder(images.controlnet, "images.controlnet") if images.controlnet else None


def settled(config: BuildConfig) -> BuildConfig:
    """The config with all that is left open and that its checkpoint, prompts and label table settle.

    ``images.size``, ``steps`` and ``guidance``, and the cells of ``accepted_per``. Raises UserError with one
    line for a checkpoint or a prompt file that cannot be used, or a checkpoint that does not say its size.
    """
    return settled_cells(_sampled(config), lambda: _drawable(config.images))


def _sampled(config: BuildConfig) -> BuildConfig:
    images = config.images
    sampling = SAMPLING if config.edit is None else ("size",)  # edits are sampled in their own way
    left_open = [name for name in sampling if getattr(images, name) is None]
    if not left_open:
        return config
    usual = _usual(images)
    found = images.model_copy(update={name: usual[name] for name in left_open})
    if found.size is None:
        raise UserError(f"images.size: missing, expected pixels: {images.checkpoint} does not say")
    return config.model_copy(update={"images": found})


def _drawable(images: Images) -> tuple[str, ...]:
    """The findings that a checkpoint can draw: of other people's nobody says, so all."""
    from synth.weights import SHIPPED

    folder = image_folder(images) or SHIPPED / "images"
    if not (folder / "synthorax.json").is_file():
        return FINDING_NAMES
    from synth.images.model_folder import ModelFolder

    return tuple(ModelFolder(folder).about().findings)


def _usual(images: Images) -> dict[str, float | int | None]:
    if images.model == "fast":
        return {"size": SynthesisSettings.size, "steps": ONE_PASS.steps, "guidance": ONE_PASS.guidance}
    folder = image_folder(images)
    if folder is None or not (folder / "model_index.json").is_file():
        return {"size": SynthesisSettings.size, "steps": OWN.steps, "guidance": OWN.guidance}
    from synth.images.frozen.pipelines import PipelineFolder

    pipeline = PipelineFolder.read(folder, controlnet_folder(images))
    usual = FROZEN if pipeline.controlnet is None else CONTROLLED
    return {"size": pipeline.size, "steps": usual.steps, "guidance": usual.guidance}
