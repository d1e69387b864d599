"""The networks, tokenizer and scheduler of a folder in diffusers' layout, ready to sample."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, ControlNetModel, SchedulerMixin, UNet2DConditionModel
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTokenizer

from synth.errors import UserError, WeightsError
from synth.images.frozen.pipelines import PipelineFolder, WeightFiles

#: Parts of tensors' names that published text encoders hold besides, and that say nothing here.
_UNASKED = ("position_ids", "text_projection", "logit_scale")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' reports on what they load: what matters of them is told by us, in one line."""
    logs = transformers.utils.logging, diffusers.utils.logging
    before = [log.get_verbosity() for log in logs]
    try:
        for log in logs:
            log.set_verbosity_error()
        yield
    finally:
        for log, verbosity in zip(logs, before, strict=True):
            log.set_verbosity(verbosity)


@dataclass(frozen=True)
class PipelineParts:
    """What :meth:`~synth.images.denoisers.FrozenDenoiser.of_pipeline` needs, and the ControlNet if there is
    one.

    Networks are in fp32 on one device and in evaluation mode; ``tokenizer.model_max_length`` is what the
    text encoder reads.
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler: Any
    controlnet: ControlNetModel | None = None

    @classmethod
    @_quiet()
    def load(cls, pipeline: PipelineFolder, device: str = "cpu") -> "PipelineParts":
        """Load all parts; raises WeightsError, one line, for one that is broken or fits no other."""
        transformers.utils.logging.disable_progress_bar()
        diffusers.utils.logging.disable_progress_bar()
        folder, weights = pipeline.folder, pipeline.weights()
        kinds = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}
        field = pipeline.field
        networks = {p: _network(k, folder / p, weights[p], device, field) for p, k in kinds.items()}
        tokenizer = _told(folder / "tokenizer", lambda: _tokenizer(folder / "tokenizer"), field)
        read = networks["text_encoder"].config.max_position_embeddings
        tokenizer.model_max_length = min(tokenizer.model_max_length, read)
        scheduler = _told(folder / "scheduler", lambda: _scheduler(folder / "scheduler"), field)
        at = pipeline.controlnet
        controlnet = at and _network(ControlNetModel, at, weights["controlnet"], device, "images.controlnet")
        parts = cls(**networks, tokenizer=tokenizer, scheduler=scheduler, controlnet=controlnet)
        parts._check(pipeline)
        return parts

    def _check(self, pipeline: PipelineFolder) -> None:
        unet, latents = self.unet.config, self.vae.config["latent_channels"]
        at = pipeline.folder, pipeline.field
        for name in ("in_channels", "out_channels"):
            _same(*at, f"UNet's {name}", unet[name], "VAE's latents", latents)
        width = self.text_encoder.config.hidden_size
        _same(*at, "UNet's cross_attention_dim", unet["cross_attention_dim"], "text's", width)
        if self.controlnet is None or pipeline.controlnet is None:
            return
        for name in ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim"):
            theirs, ours = self.controlnet.config[name], unet[name]
            _same(pipeline.controlnet, "images.controlnet", name, theirs, "the checkpoint's", ours)


def _network(kind: Any, folder: Path, weights: WeightFiles, device: str, field: str) -> Any:
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    options |= {"variant": weights.variant, "torch_dtype": torch.float32, "output_loading_info": True}
    network, info = _told(folder, lambda: kind.from_pretrained(folder, **options), field)
    if missing := sorted(info["missing_keys"]):  # they would be random numbers
        raise WeightsError(f"{field}: {folder} lacks {len(missing)} tensors, {missing[0]} among them")
    if left := sorted(n for n in info["unexpected_keys"] if not any(known in n for known in _UNASKED)):
        raise WeightsError(
            f"{field}: {folder} holds {len(left)} tensors too many, {left[0]} among them, expected those of "
            f"{kind.__name__} as its config.json has it"
        )
    return network.to(device).requires_grad_(False).eval()


def _tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def _scheduler(folder: Path) -> Any:
    name = json.loads((folder / "scheduler_config.json").read_text()).get("_class_name")
    kind = getattr(diffusers, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, SchedulerMixin)):
        raise UserError(f"_class_name {name}, expected a scheduler of diffusers")
    return kind.from_pretrained(folder, local_files_only=True)  # type: ignore[attr-defined]


def _told(folder: Path, load: Callable[[], Any], field: str) -> Any:
    """What ``load`` gives; what the libraries raise over a broken part becomes one line."""
    try:
        return load()
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(f"{field}: {folder} cannot be loaded: {lines[0][:200]}") from error


def _same(folder: Path, field: str, name: str, found: Any, whose: str, wanted: Any) -> None:
    if (list(found) if isinstance(found, tuple | list) else found) != (
        list(wanted) if isinstance(wanted, tuple | list) else wanted
    ):
        raise WeightsError(f"{field}: {folder}, {name} {found}, expected {whose} {wanted}")
