"""What configs of other people's networks ask for that nothing here gives: told before anything is loaded.

A network that is not told what it was trained with draws other images, or fails at each of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from synth.errors import WeightsError

#: Fields that have to be empty, and what a network with them wants to be told at each pass.
_TOLD: Final = {
    "time_cond_proj_dim": "the strength of guidance, as latent consistency models are",
    "class_embed_type": "a class",
    "num_class_embeds": "a class",
    "addition_embed_type": "further embeddings, as Stable Diffusion XL is",
    "encoder_hid_dim_type": "further states",
}
_OF_LATENTS: Final = {
    "shift_factor": "a shift of its latents",
    "latents_mean": "the mean of its latents",
    "latents_std": "the deviation of its latents",
}
#: Distilled models are made for these alone: by other solvers they draw a blur.
_OF_DISTILLED: Final = ("LCMScheduler", "TCDScheduler")


def check_unet(folder: Path, config: Mapping[str, Any], field: str) -> None:
    """:raises WeightsError: in one line that begins with the build config's ``field``."""
    _check_empty(folder, config, _TOLD, field)


def check_vae(folder: Path, config: Mapping[str, Any], field: str) -> None:
    """As :func:`check_unet`."""
    _check_empty(folder, config, _OF_LATENTS, field)


def check_scheduler(folder: Path, config: Mapping[str, Any], field: str) -> None:
    """As :func:`check_unet`."""
    if (kind := config.get("_class_name")) in _OF_DISTILLED:
        raise WeightsError(f"{field}: {folder} is a {kind}, expected that of a model that was not distilled")


def check_controlnet(folder: Path, config: Mapping[str, Any], field: str = "images.controlnet") -> None:
    """As :func:`check_unet`."""
    _check_empty(folder, config, _TOLD, field)
    if (order := config.get("controlnet_conditioning_channel_order", "rgb")) != "rgb":
        raise WeightsError(
            f"{field}: {folder}, controlnet_conditioning_channel_order is {order}, expected rgb: masks would "
            "be told in reverse"
        )


def _check_empty(folder: Path, config: Mapping[str, Any], names: Mapping[str, str], field: str) -> None:
    for name, what in names.items():
        if (value := config.get(name)) is not None:
            raise WeightsError(
                f"{field}: {folder}, {name} is {value!r}, expected none: it has to be told {what}, which "
                "nothing here does"
            )
