"""Tiny random checkpoints of diffusers' own classes, saved in the layout of Stable Diffusion 2.1."""

import json
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from synth.images.frozen.pipelines import CONTROLS
from synth.settings import SynthesisSettings

WIDTH = 16  # of text states
START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = ("n o", "d u", "l e</w>", "du le</w>", "no dule</w>")


def small_clip(tokenizer, width, **config) -> CLIPTextConfig:
    """A text encoder's config of two heads over a tokenizer's words."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=32,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **config,
    )


def save_tokenizer(folder: Path) -> CLIPTokenizer:
    """Letters, digits, signs and a few merges, in the files of the published checkpoints."""
    letters = [*string.ascii_lowercase, *string.digits, *".,;:-'()/"]
    pieces = [*letters, *(f"{c}</w>" for c in letters), *("".join(m.split()) for m in MERGES), START, END]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    about = {**special, "do_lower_case": True, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return CLIPTokenizer.from_pretrained(folder)


def small_controlnet(unet: UNet2DConditionModel, channels: int = CONTROLS) -> ControlNetModel:
    """A ControlNet with a say: before any training its output is zero, and masks hardly count."""
    controlnet = ControlNetModel.from_unet(
        unet, conditioning_channels=channels, conditioning_embedding_out_channels=(4, 4, 8, 8)
    )
    torch.manual_seed(5)
    for name, parameter in controlnet.named_parameters():
        if not parameter.any() or "cond_embedding" in name:
            torch.nn.init.normal_(parameter, std=0.4)
    return controlnet


def save_pipeline(folder: Path, seed: int = 0, controlnet: bool = False) -> Path:
    """A checkpoint for 64-pixel images in ``folder``; with a ControlNet inside if wanted."""
    tokenizer = save_tokenizer(folder.with_name(f"{folder.name}-tokenizer"))
    torch.manual_seed(seed)
    vae = AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        norm_num_groups=4,
        scaling_factor=0.18215,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        norm_num_groups=4,
    )
    text = small_clip(tokenizer, WIDTH, num_hidden_layers=2)
    parts = {"vae": vae, "unet": unet, "text_encoder": CLIPTextModel(text), "tokenizer": tokenizer}
    parts["scheduler"] = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        set_alpha_to_one=False,
        steps_offset=1,
        clip_sample=False,
    )
    absent = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if controlnet:
        parts["controlnet"] = small_controlnet(unet)
        StableDiffusionControlNetPipeline(**parts, **absent).save_pretrained(folder)
    else:
        StableDiffusionPipeline(**parts, **absent).save_pretrained(folder)
    for path in (folder.with_name(f"{folder.name}-tokenizer")).iterdir():
        path.replace(folder / "tokenizer" / path.name)
    (folder / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    return folder


def pickle_weights(folder: Path) -> None:
    """Every safetensors file below ``folder`` becomes a pickled one, named as diffusers used to."""
    for path in folder.rglob("*.safetensors"):
        name = "pytorch_model.bin" if path.stem == "model" else f"{path.stem}.bin"
        torch.save(load_file(path), path.with_name(name))
        path.unlink()


def change_json(path: Path, **changes: object) -> None:
    """Other values for some keys of a JSON file; None removes one."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def small_settings(folder: Path, **changes: Any) -> SynthesisSettings:
    """Quick sampling from a checkpoint that :func:`save_pipeline` made."""
    quick = SynthesisSettings(images=folder, size=64, steps=3, guidance=4.0, batch_size=4)
    return replace(quick, **changes)
