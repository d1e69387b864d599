"""The networks, tokenizer and scheduler of a folder in diffusers' layout, ready to sample."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, ControlNetModel, SchedulerMixin, UNet2DConditionModel
from safetensors import safe_open
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from synth.errors import UserError, WeightsError
from synth.images.frozen.files import read_config
from synth.images.frozen.pipelines import PipelineFolder, WeightFiles
from synth.weights import check_numbers

#: Parts of tensors' names that published text encoders hold besides, and that say nothing here.
_UNASKED = ("position_ids", "text_projection", "logit_scale")

#: Numbers of a network that there is memory for, whatever its weights hold.
_ROOM = 1 << 24


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
        scheduler = _told(folder / "scheduler", lambda: _scheduler(folder / "scheduler", field), field)
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
    _told(folder, lambda: _check_asked(kind, folder, weights.files, field), field)
    network, info = _told(folder, lambda: kind.from_pretrained(folder, **options), field)
    if missing := sorted(info["missing_keys"]):  # they would be random numbers
        raise WeightsError(f"{field}: {folder} lacks {len(missing)} tensors, {missing[0]} among them")
    if left := sorted(n for n in info["unexpected_keys"] if not any(known in n for known in _UNASKED)):
        raise WeightsError(
            f"{field}: {folder} holds {len(left)} tensors too many, {left[0]} among them, expected those of "
            f"{kind.__name__} as its config.json has it"
        )
    check_numbers(network.state_dict(), f"{field}: {folder}")
    return network.to(device).requires_grad_(False).eval()


def _check_asked(kind: Any, folder: Path, files: Sequence[Path], field: str) -> None:
    """Before there is memory for a network: its config may ask for more than its weights could fill."""
    with torch.device("meta"):
        if kind is CLIPTextModel:
            network = CLIPTextModel(CLIPTextConfig.from_pretrained(folder, local_files_only=True))
        else:
            network = kind.from_config(read_config(folder, "config.json", field))
    asked, held = sum(tensor.numel() for tensor in network.state_dict().values()), 0
    for path in (path for path in files if path.suffix == ".safetensors"):
        with safe_open(path, "pt") as tensors:
            held += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    if asked > 2 * held + _ROOM:  # what is missing of fewer is named when it is loaded
        raise WeightsError(
            f"{field}: {folder}, its config.json asks for {asked} numbers, expected about the {held} of its "
            "weights"
        )


def _tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def _scheduler(folder: Path, field: str) -> Any:
    config = read_config(folder, "scheduler_config.json", field)
    name = config.get("_class_name")
    kind = getattr(diffusers, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, SchedulerMixin)):
        raise UserError(f"_class_name {name}, expected a scheduler of diffusers")
    return kind.from_config(config)  # type: ignore[attr-defined]


def _told(folder: Path, load: Callable[[], Any], field: str) -> Any:
    """What ``load`` gives; what the libraries raise over a broken part becomes one line."""
    try:
        return load()
    except WeightsError:
        raise
    except Exception as error:  # the libraries raise whatever a value of a config leads to
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(f"{field}: {folder} cannot be loaded: {lines[0][:200]}") from error


def _same(folder: Path, field: str, name: str, found: Any, whose: str, wanted: Any) -> None:
    if (list(found) if isinstance(found, tuple | list) else found) != (
        list(wanted) if isinstance(wanted, tuple | list) else wanted
    ):
        raise WeightsError(f"{field}: {folder}, {name} {found}, expected {whose} {wanted}")
