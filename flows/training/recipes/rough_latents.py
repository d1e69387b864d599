"""Train the rough latents of XReal's Anatomy Controller on real radiographs and the expert's masks."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flows.material.scenes import Scenes, load_scenes
from flows.material.trained import locate
from flows.training.augment import draw_warp
from flows.training.loop import Schedule, fit
from flows.training.recipes.images import framed
from flows.training.sealing import seal, write_config, write_tensors
from synth.findings import ANATOMY
from synth.images.codec import CHANNELS, PatchCodec
from synth.images.frozen.rough_latents import SIDE, RoughLatents

POOL, BATCH, STEPS = 3000, 16, 2000
#: Channels of ANATOMY in a mirror: right and left change places.
MIRRORED = [ANATOMY.index(n) for n in ("left_lung", "right_lung", "heart", "left_clavicle", "right_clavicle")]


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on warped and mirrored training images, measure on held-out ones, seal ``out/rough_latents``."""
    nih, real, _ = load_scenes(data, out, seed)
    codec = PatchCodec.from_pretrained(locate(out, "codec")).float().eval()
    seen = (real.anatomy > 0).any((1, 2)) & ~framed(real.images)
    taught, held = (np.flatnonzero(seen & (nih.parts == part)) for part in ("train", "test"))
    masks, latents = pool(codec, real, taught, seed, max(BATCH, int(POOL * min(1, scale))))
    torch.manual_seed(seed)
    network = RoughLatents(CHANNELS)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = torch.from_numpy(rng.integers(0, len(masks), BATCH))
        x, y = masks[which].float().to(device), latents[which].float().to(device)
        return F.mse_loss(network(x).float(), y)

    schedule = Schedule(steps=max(1, int(STEPS * scale)), lr=2e-3, ema=0.99, weight_decay=1e-2)
    fit(network, loss_of, schedule, out / "runs" / "rough_latents", seed, device, resume)
    folder = out / "rough_latents"
    write_tensors(folder / "model.safetensors", network.to("cpu").state_dict(), half=True)
    write_config(folder / "config.json", {"channels": CHANNELS, "side": SIDE, "structures": list(ANATOMY)})
    seal(
        folder,
        "Rough latents: the average radiograph of a body, from its anatomy masks",
        ("nih", "lungs", "landmarks"),
        "synthorax train rough_latents --data DIR",
        {
            "seed": seed,
            "steps": schedule.steps,
            "batch": BATCH,
            "real training images": len(taught),
            "pool of warped and mirrored latents": len(masks),
            "device": device,
        },
        {f"{len(held)} held-out radiographs": evaluate(network, codec, real, taught, held)},
        "The anatomy encoder of XReal (arXiv 2403.09240), for the codec's latents. Masks are the anatomy "
        "expert's. A least-squares regression: its answer is blurred and holds no lesion.",
    )
    RoughLatents.load(folder)
    return folder


@torch.inference_mode()
def evaluate(
    network: RoughLatents, codec: PatchCodec, real: Scenes, taught: np.ndarray, held: np.ndarray
) -> dict[str, float]:
    """Mean squared error of held-out latents (of unit variance), and that of the training images' mean."""
    masks, latents = encoded(codec, real, held)
    mean = encoded(codec, real, taught)[1].mean(0)
    errors = {
        "mse": F.mse_loss(network(masks), latents),
        "mse of the mean latent": F.mse_loss(mean.expand_as(latents), latents),
    }
    return {k: round(float(v), 4) for k, v in errors.items()}


@torch.inference_mode()
def encoded(codec: PatchCodec, real: Scenes, which: np.ndarray) -> tuple[Tensor, Tensor]:
    """Coverage (N, 5, SIDE, SIDE) and latents (N, 8, SIDE, SIDE) of some radiographs as they are."""
    coverage = F.interpolate(torch.from_numpy(real.masks(which)[0]), size=(SIDE, SIDE), mode="area")
    images = torch.from_numpy(real.images[which])[:, None].float() / 127.5 - 1
    return coverage, codec.encode(images)


@torch.inference_mode()
def pool(codec: PatchCodec, real: Scenes, taught: np.ndarray, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Coverage and latents (half) of ``count`` radiographs, image and masks warped and mirrored alike."""
    coverage, latents = [], []
    for start in range(0, count, 20):
        rng = np.random.default_rng((seed, start))
        which = rng.choice(taught, min(20, count - start))
        masks = torch.from_numpy(real.masks(which)[0])
        images = torch.from_numpy(real.images[which])[:, None].float() / 127.5 - 1
        turned = torch.from_numpy(rng.random(len(which)) < 0.5)
        images, masks = mirror(images, masks, turned)
        warp = draw_warp(rng, len(which), images.shape[-1], degrees=5, scale=0.1, shift=0.04, elastic=0.008)
        coverage.append(F.interpolate(warp(masks), size=(SIDE, SIDE), mode="area").half())
        latents.append(codec.encode(warp(images)).half())
    return torch.cat(coverage), torch.cat(latents)


def mirror(images: Tensor, masks: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
    """Images (N, 1, H, W) and masks (N, 5, H, W), left and right changed where bool (N,) says so."""
    where = turned[:, None, None, None]
    return torch.where(where, images.flip(-1), images), torch.where(where, masks[:, MIRRORED].flip(-1), masks)
