"""The base that a ControlNet is trained for: a Stable Diffusion folder, read only, never run as code."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import transformers
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from synth.denoisers import FrozenDenoiser
from synth.weights import digest

#: Folders of a base whose files make its digest, and those of them that hold weights.
PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
WEIGHED = ("text_encoder", "unet", "vae")
#: Pixels a latent cell: the ControlNet's own embedding of masks halves them three times.
FACTOR = 8


def load_base(folder: Path, device: str = "cpu") -> tuple[FrozenDenoiser, Any]:
    """A base in diffusers' layout of Stable Diffusion 1.x or 2.x, in float32, and its VAE's input channels.

    Raises ValueError in one line for a folder that lacks a part or its safetensors, and for a base that is
    no such model: another layout of the UNet, of the VAE or of the scheduler.
    """
    check_layout(folder)
    transformers.utils.logging.disable_progress_bar()
    options = {"local_files_only": True, "use_safetensors": True, "low_cpu_mem_usage": False}
    try:
        scheduler = DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
        parts = SimpleNamespace(
            unet=UNet2DConditionModel.from_pretrained(folder / "unet", **options),
            vae=AutoencoderKL.from_pretrained(folder / "vae", **options),
            text_encoder=CLIPTextModel.from_pretrained(
                folder / "text_encoder", local_files_only=True, use_safetensors=True
            ),
            tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            scheduler=scheduler,
        )
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        what = " ".join(str(error).split())[:200]
        raise ValueError(
            f"base: {folder} cannot be read ({what}), expected a Stable Diffusion folder"
        ) from error
    _check_fit(folder, parts)
    for part in (parts.unet, parts.vae, parts.text_encoder):
        part.float().requires_grad_(False).eval().to(device)
    return FrozenDenoiser.of_pipeline(parts), parts.vae.config["in_channels"]


def digests(folder: Path) -> dict[str, str]:
    """Relative name to SHA-256 of every file in the parts of a base: what tells two bases apart."""
    names = sorted(p for part in PARTS for p in (folder / part).rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): digest(p) for p in names}


def check_layout(folder: Path) -> None:
    """Raise ValueError for a folder without a part, or with weights that are not safetensors alone."""
    for part in PARTS:
        if not (folder / part).is_dir():
            raise ValueError(f"base: {folder / part} is not there, expected a folder with {', '.join(PARTS)}")
    for part in WEIGHED:
        if not any((folder / part).glob("*.safetensors")):
            raise ValueError(
                f"base: {folder / part} holds no .safetensors, expected weights that run no code"
            )
    path = folder / "scheduler" / "scheduler_config.json"
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"base: {path} cannot be read, expected a scheduler's config") from error
    if "num_train_timesteps" not in told or "beta_schedule" not in told:
        name = told.get("_class_name", "unknown")
        raise ValueError(
            f"base: scheduler {name} of {folder}, expected one with betas, as Stable Diffusion's"
        )


def _check_fit(folder: Path, parts: SimpleNamespace) -> None:
    unet, vae = parts.unet.config, parts.vae.config
    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    for what, found, wanted in (
        ("vae: pixels a latent cell", factor, FACTOR),
        ("unet: in_channels", unet["in_channels"], vae["latent_channels"]),
        ("unet: cross_attention_dim", unet["cross_attention_dim"], parts.text_encoder.config.hidden_size),
        ("unet: class_embed_type", unet["class_embed_type"], None),
        ("unet: addition_embed_type", unet["addition_embed_type"], None),
    ):
        if found != wanted:
            raise ValueError(
                f"base: {folder}: {what} is {found!r}, expected {wanted!r} (Stable Diffusion 1.x, 2.x)"
            )
