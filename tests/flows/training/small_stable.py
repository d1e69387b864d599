"""A tiny random base in the layout of Stable Diffusion 2.1, made of diffusers' own classes."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from small_pipelines import small_clip
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextModel, CLIPTokenizer

#: Latents are 8 times smaller and halved twice by the UNet: films are multiples of 32 pixels.
WIDTH, LENGTH = 16, 24


def write_base(folder: Path, prediction: str = "v_prediction", **unet: object) -> Path:
    """Save a base whose scheduler says ``prediction``; ``unet`` changes the UNet's config."""
    torch.manual_seed(0)
    tokenizer = _tokenizer(folder.with_name(f"{folder.name}-words"))
    text = small_clip(tokenizer, WIDTH, num_hidden_layers=1, max_position_embeddings=LENGTH)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )
    with torch.no_grad():  # latents of unit variance, as those of real bases
        steps = torch.linspace(-1, 1, 8).repeat_interleave(8)
        spread = vae.encode(steps.expand(1, 3, 64, 64)).latent_dist.mode().std((2, 3)).mean()
    vae.register_to_config(scaling_factor=float(1 / spread))
    config = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16, 16),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
        "use_linear_projection": True,
    }
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(**(config | unet)),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's byte-pair tokenizer with letters alone."""
    folder.mkdir(parents=True)
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=LENGTH)
