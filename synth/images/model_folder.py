"""The parts of our image model, made of a checkpoint folder's pinned files and of nothing else in it.

The libraries' own loaders take whatever files they know by name, pinned or not: here networks are made of
their configs and given the tensors that were hashed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tokenizers import Tokenizer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from synth.errors import WeightsError
from synth.findings import FINDING_NAMES
from synth.images.codec import PatchCodec
from synth.images.sizes import check_sizes
from synth.weights import fit, read_json, read_pinned, read_tensors

T = TypeVar("T")

#: What is taken of the text encoder's and the tokenizer's config: sizes and signs, never a name of code.
_TEXT = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "projection_dim",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "hidden_act",
    "layer_norm_eps",
    "attention_dropout",
    "initializer_range",
    "initializer_factor",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)
_TOKENS = ("bos_token", "eos_token", "pad_token", "model_max_length", "padding_side", "truncation_side")


class About(BaseModel):
    """``synthorax.json``: the findings that the model draws, and the guidance at which each is seen."""

    model_config = ConfigDict(strict=True)
    findings: Annotated[list[str], Field(min_length=1)]
    strengths: dict[str, Annotated[float, Field(ge=0, le=100)]] = {}


@dataclass(frozen=True)
class ModelFolder:
    """A folder of ours; every method raises WeightsError, one line, for a part that cannot be used."""

    folder: Path

    def about(self) -> "About":
        """What the model draws."""
        name = "synthorax.json"
        try:
            found = About.model_validate(read_json(self.folder, name))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise WeightsError(f"weights: {self.folder / name}, {where}: {first['msg']}") from None
        for finding in (*found.findings, *found.strengths):
            if finding not in FINDING_NAMES:
                raise WeightsError(
                    f"weights: {self.folder / name}: {finding!r}, expected one of {', '.join(FINDING_NAMES)}"
                )
        return found

    def codec(self) -> PatchCodec:
        """Images to latents and back."""
        return self._network("vae", "diffusion_pytorch_model", PatchCodec.from_config)

    def unet(self) -> UNet2DConditionModel:
        """The denoiser."""
        return self._network("unet", "diffusion_pytorch_model", UNet2DConditionModel.from_config)

    def text_encoder(self) -> CLIPTextModel:
        """Tokens to the prompt's condition."""
        return self._network("text_encoder", "model", _text_encoder)

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Prompts to tokens."""
        options = read_json(self.folder, "tokenizer/tokenizer_config.json")
        core = read_pinned(self.folder, "tokenizer/tokenizer.json")
        return self._made(
            "tokenizer",
            lambda: PreTrainedTokenizerFast(
                tokenizer_object=Tokenizer.from_buffer(core),
                **{name: options[name] for name in _TOKENS if name in options},
            ),
        )

    def scheduler(self) -> FlowMatchEulerDiscreteScheduler:
        """The noise levels."""
        config = self._config("scheduler/scheduler_config.json")
        return self._made("scheduler", lambda: FlowMatchEulerDiscreteScheduler.from_config(config))

    def _network(self, part: str, stem: str, make: Callable[[dict[str, Any]], Any]) -> Any:
        config = self._config(f"{part}/config.json")
        name = f"{part}/{stem}.safetensors"
        tensors = read_tensors(self.folder, name)
        with torch.device("meta"):  # holds nothing: a config may ask for more than there is memory
            shapes = {k: v.shape for k, v in self._made(part, lambda: make(config)).state_dict().items()}
        if shapes != {k: v.shape for k, v in tensors.items()}:
            differing = sorted(k for k in shapes.keys() | tensors.keys() if not _same(k, shapes, tensors))
            raise WeightsError(
                f"weights: {self.folder / name} does not fit its network: {len(differing)} tensors differ, "
                f"{differing[0][:80]} among them"
            )
        network: nn.Module = self._made(part, lambda: make(config))
        fit(network, tensors, self.folder / name)
        return network

    def _config(self, name: str) -> dict[str, Any]:
        config = read_json(self.folder, name)
        check_sizes(config, f"weights: {self.folder / name}")
        return config

    def _made(self, part: str, make: Callable[[], T]) -> T:
        """What ``make`` gives; what a library raises over a config becomes one line."""
        try:
            return make()
        except WeightsError:
            raise
        except Exception as error:  # tokenizers raises plain Exception, the others whatever a value leads to
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise WeightsError(f"weights: {self.folder / part} cannot be loaded: {said}") from error


def _text_encoder(config: dict[str, Any]) -> CLIPTextModel:
    return CLIPTextModel(CLIPTextConfig(**{name: config[name] for name in _TEXT if name in config}))


def _same(name: str, shapes: dict[str, torch.Size], tensors: dict[str, torch.Tensor]) -> bool:
    return name in shapes and name in tensors and shapes[name] == tensors[name].shape
