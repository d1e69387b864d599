"""Train the image model: UNet and text encoder together, on latents of real and simulated scenes."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from flows.config.terminal import tracked
from flows.material.scenes import Scenes, balanced, load_scenes
from flows.material.trained import locate
from flows.training.augment import draw_warp, vary_exposure
from flows.training.loop import Schedule, console, fit
from flows.training.sealing import seal, write_config
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.images.codec import CHANNELS, FACTOR, PatchCodec
from synth.images.model import CONDITION, Condition, ImageModel, spatial_condition
from synth.images.text import learn_tokenizer, new_text_encoder, tokenise
from synth.prompts.sampler import PromptSampler
from synth.weights import pins

POOL, BATCH, DROP = 5000, 32, 0.12
#: Steps from random weights, and on from a checkpoint.
STEPS, MORE = 2800, 800
#: Guidance of lesions where it is not 1. Faint findings are exaggerated until the evaluator of lesions
#: finds them; chosen with the shipped weights, not learned.
STRENGTHS = {
    "calcification": 1.3,
    "cardiomegaly": 1.3,
    "diffuse_nodule": 1.3,
    "emphysema": 1.3,
    "fibrosis": 1.6,
    "fracture": 1.6,
    "nodule": 1.3,
    "pleural_thickening": 1.6,
    "pneumothorax": 1.6,
}
UNET = "unet/diffusion_pytorch_model.safetensors"


class Denoiser(nn.Module):
    """UNet and text encoder as one module, so that they are trained and averaged together."""

    def __init__(self, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        super().__init__()
        self.unet: Any = unet
        self.text: Any = text

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Velocity at ``x`` (N, C, h, w) and time ``t`` (N,) in [0, 1]."""
        states = self.text(condition.tokens).last_hidden_state
        return self.unet(torch.cat([x, condition.spatial], 1), 1000 * t, states).sample


def new_unet() -> UNet2DConditionModel:
    """A narrow UNet for 32×32 latents: text by attention at 16² and 8², and pooled beside the time.

    What a prompt says of the whole film (age, sex, view) need not find its way through attention.
    The pooled path starts at zero, so that a network without it can be gone on with.
    """
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=CHANNELS + CONDITION,
        out_channels=CHANNELS,
        block_out_channels=(64, 112, 160),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=8,
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )
    nn.init.zeros_(unet.add_embedding.norm2.weight)
    return unet


def first_weights(
    init: Path | None, seed: int, prompts: Iterable[str]
) -> tuple[Denoiser, PreTrainedTokenizerFast]:
    """Networks to begin with: random, or those of an image checkpoint that is gone on with."""
    torch.manual_seed(seed)
    if init is None:
        tokenizer = learn_tokenizer(prompts)
        return Denoiser(new_unet(), new_text_encoder(tokenizer)), tokenizer
    start = ImageModel.load(init)
    wanted = {k: v.shape for k, v in new_unet().state_dict().items()}
    found = {k: v.shape for k, v in start.unet.state_dict().items()}
    odd = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    if odd:
        raise UserError(f"init: {init} has another UNet ({odd[0]}), expected the one of this training")
    return Denoiser(start.unet, start.text_encoder), start.tokenizer


def train(
    data: Path, out: Path, seed: int, device: str, resume: bool, scale: float, init: Path | None = None
) -> Path:
    """Train and seal ``out/images``, a folder in diffusers' layout.

    ``init`` is an image checkpoint with the same codec to begin with, instead of random weights.
    """
    nih, real, simulated = load_scenes(data, out, seed)
    codec = PatchCodec.from_pretrained(locate(out, "codec")).float().eval()
    model, tokenizer = first_weights(
        init, seed, (PromptSampler().case(seed, f"{i:06d}").prompt for i in range(4000))
    )
    model.unet.set_attn_processor(AttnProcessor())  # the fused one's gradient is slow on CPUs
    part = (nih.parts == "train") & ~framed(real.images)
    pool = _pool(
        codec,
        real,
        simulated,
        list(balanced(nih, np.flatnonzero(part))),
        part,
        rarity(nih.ages),
        seed,
        int(POOL * min(1, scale)),
    )
    latents, spatial, cover, prompts = pool
    tokens = tokenise(tokenizer, prompts)
    empty = tokenise(tokenizer, [""])[0].to(device)
    schedule = Schedule(
        steps=int((MORE if init else STEPS) * scale), lr=8e-4, warmup=100, ema=0.998, weight_decay=1e-2
    )

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = torch.from_numpy(rng.integers(0, len(latents), BATCH))
        drop = torch.from_numpy(rng.random((4, BATCH)) < np.array([[DROP], [DROP], [DROP], [DROP / 2]]))
        drop = (drop[:3] | drop[3]).to(device)
        x = latents[which].float().to(device)
        condition = Condition(tokens[which].to(device), spatial[which].float().to(device))
        condition = condition.dropped(drop[0], drop[1], drop[2], empty)
        noise = torch.from_numpy(rng.standard_normal(x.shape).astype(np.float32)).to(device)
        t = torch.from_numpy(rng.normal(0.2, 1.1, BATCH).astype(np.float32)).sigmoid().to(device)
        mixed = (1 - t)[:, None, None, None] * x + t[:, None, None, None] * noise
        error = (model(mixed, t, condition).float() - (noise - x)) ** 2
        weight = 1 + 3 * cover[which].float().to(device)
        return (error * weight).mean() / weight.mean()

    fit(model, loss_of, schedule, out / "runs" / "images", seed, device, resume)
    model.to("cpu")
    folder = out / "images"
    model.unet.half().save_pretrained(folder / "unet")
    model.text.half().save_pretrained(folder / "text_encoder")
    tokenizer.save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    shutil.copytree(locate(out, "codec"), folder / "vae", dirs_exist_ok=True)
    write_config(folder / "synthorax.json", {"findings": list(FINDING_NAMES), "strengths": STRENGTHS})
    seal(
        folder,
        "Image model: radiographs from prompt, anatomy and lesion masks",
        ("nih", "rsna", "chestx_det", "landmarks", "lungs"),
        "synthorax train images --data DIR" + (" --init FOLDER" if init else ""),
        {
            "seed": seed,
            "steps": schedule.steps,
            "batch": BATCH,
            "pool of augmented latents": len(latents),
            "real training images": int(part.sum()),
            "began from": "random weights" if init is None else f"unet {pins(init)[UNET]}",
            "device": device,
        },
        {"see": "docs/benchmarks.md"},
    )
    ImageModel.load(folder)
    return folder


def framed(images: np.ndarray) -> np.ndarray:
    """(N,) bool: a white frame runs around the field of (N, H, W) uint8 images."""
    border = np.ones(images.shape[1:], bool)
    margin = images.shape[1] // 25
    border[margin:-margin, margin:-margin] = False
    return (images[:, border] > 220).mean(1) > 0.35


def rarity(ages: np.ndarray) -> np.ndarray:
    """(N,) odds of each of N patients, aged ``ages`` years, that bring decades nearer to one another.

    A decade is drawn by the root of its frequency: few films are of the old, most prompts are.
    """
    decades = np.clip(ages, 10, 89) // 10
    return np.bincount(decades, minlength=9)[decades] ** -0.5


def drawn(rng: np.random.Generator, which: np.ndarray, odds: np.ndarray, count: int) -> np.ndarray:
    """(count,) of ``which`` (N,), with replacement, by their odds (N,)."""
    return rng.choice(which, count, p=odds / odds.sum())


@torch.inference_mode()
def _pool(
    codec: PatchCodec,
    real: Scenes,
    simulated: Scenes,
    groups: list[np.ndarray],
    part: np.ndarray,
    odds: np.ndarray,
    seed: int,
    count: int,
) -> tuple[Tensor, Tensor, Tensor, list[str]]:
    """Latents (half), spatial conditions (half), lesion cover (N, 1, h, w) and prompts of warped scenes.

    Two of three are simulated; real ones are balanced over label and view. ``odds`` (N,) are those of
    each radiograph, as itself and as the base of a simulated scene.
    """
    side = real.images.shape[-1] // FACTOR
    taught = np.flatnonzero(part[simulated.base])
    latents, spatial, cover, prompts = [], [], [], []
    starts = range(0, count, 20)
    for start in tracked(starts, "encoding", len(starts), console):
        rng = np.random.default_rng((seed, start))
        picks = [
            (simulated, drawn(rng, taught, odds[simulated.base[taught]], 13)),
            (real, np.concatenate([drawn(rng, g, odds[g], 1) for g in (groups[i % 4] for i in range(7))])),
        ]
        images = torch.from_numpy(np.concatenate([s.images[w] for s, w in picks]))[:, None].float() / 255
        masks = [np.concatenate(m) for m in zip(*(s.masks(w) for s, w in picks), strict=True)]
        warp = draw_warp(
            rng, len(images), real.images.shape[-1], degrees=5, scale=0.1, shift=0.04, elastic=0.008
        )
        anatomy, lesions = (warp(torch.from_numpy(m)) for m in masks)
        images = vary_exposure(warp(images), rng, 0.3)
        known = torch.from_numpy(np.concatenate([s.known[w] for s, w in picks]))
        latents.append(codec.encode(images * 2 - 1).half())
        spatial.append(spatial_condition(anatomy, lesions, side, known).half())
        cover.append(spatial[-1][:, 6:19].amax(1, keepdim=True))
        prompts += [s.prompts[i] for s, w in picks for i in w]
    return torch.cat(latents), torch.cat(spatial), torch.cat(cover), prompts
