"""Train the codec: an f8 autoencoder with 8 latent channels (Rombach et al., 2022).

Latents begin as the whitened principal components of 8×8 patches: a linear code of eight
components alone keeps about 36 dB, so the network starts from something that already works.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from flows.training.checkpoints import seal
from flows.training.data import load_nih
from flows.training.loop import Schedule, fit

CROP, BATCH, FACTOR, CHANNELS = 128, 16, 8, 8


def new_codec() -> AutoencoderKL:
    """Narrow stock AutoencoderKL: 2.6 M parameters, light at full resolution."""
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        block_out_channels=(16, 32, 64, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=256,
        scaling_factor=1.0,
    )


def patch_components(images: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Whitened PCA of 8×8 patches as a stride-8 convolution: weight (8, 1, 8, 8), bias (8,)."""
    n, h, w = images.shape
    ys = rng.integers(0, h - FACTOR, 100_000)
    xs = rng.integers(0, w - FACTOR, 100_000)
    which = rng.integers(0, n, 100_000)
    grid = np.arange(FACTOR)
    patches = images[which[:, None, None], (ys[:, None] + grid)[:, :, None], (xs[:, None] + grid)[:, None]]
    flat = patches.reshape(len(which), -1).astype(np.float64) / 127.5 - 1
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov((flat - mean).T))
    basis = vectors[:, ::-1][:, :CHANNELS] / np.sqrt(values[::-1][:CHANNELS])
    weight = torch.tensor(basis.T.reshape(CHANNELS, 1, FACTOR, FACTOR), dtype=torch.float32)
    return weight, torch.tensor(-(mean @ basis), dtype=torch.float32)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM of (N, 1, H, W) in [-1, 1] with a 7×7 box window (Wang et al., 2004)."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, 1)

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    return (((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


def evaluate(codec: AutoencoderKL, images: np.ndarray) -> dict[str, float]:
    """PSNR in dB and SSIM on whole 8-bit images (N, 256, 256)."""
    psnr, similar = [], []
    with torch.inference_mode():
        for image in images:
            x = torch.from_numpy(image)[None, None].float() / 127.5 - 1
            y = codec.decode(codec.encode(x).latent_dist.mode()).sample
            back = ((y[0, 0].clamp(-1, 1) + 1) * 127.5).round().numpy().astype(np.uint8)
            psnr.append(peak_signal_noise_ratio(image, back))
            similar.append(structural_similarity(image, back))
    return {"psnr_db": round(float(np.mean(psnr)), 2), "ssim": round(float(np.mean(similar)), 4)}


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, evaluate on held-out patients and seal ``out/codec``; ``scale`` multiplies the steps."""
    nih = load_nih(data)
    images = nih.images[nih.where("train")]
    weight, bias = (t.to(device) for t in patch_components(images, np.random.default_rng(seed)))
    torch.manual_seed(seed)
    codec = new_codec()
    schedule = Schedule(steps=int(2600 * scale), lr=1.5e-3, ema=0.998)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        size = CROP if step < 0.85 * schedule.steps else 2 * CROP
        x = _crops(images, rng, size, BATCH * CROP**2 // size**2).to(device)
        posterior = codec.encode(x).latent_dist
        y = codec.decode(posterior.sample()).sample.float()
        guide = max(0.02, 1 - step / (0.2 * schedule.steps))
        linear = F.conv2d(x, weight, bias, stride=FACTOR)
        return (
            20 * F.mse_loss(y, x)
            + F.l1_loss(y, x)
            + 0.3 * (1 - ssim(y, x))
            + 1e-4 * posterior.kl().mean() / posterior.mean[0].numel()
            + 0.05 * guide * F.mse_loss(posterior.mean.float(), linear)
        )

    codec.to(device)
    fit(codec, loss_of, schedule, out / "runs" / "codec", seed, device, resume)
    codec.to("cpu")
    codec.register_to_config(**_moments(codec, images[:: max(1, len(images) // 128)]))
    folder = out / "codec"
    metrics = {"held-out patients": evaluate(codec, nih.images[nih.where("test")])}
    codec.save_pretrained(folder)
    seal(
        folder,
        "Codec: 256×256 radiographs to 8×32×32 latents",
        ("nih",),
        "synthorax train codec --data DIR",
        {
            "seed": seed,
            "steps": schedule.steps,
            "batch": f"{BATCH} crops of {CROP}²",
            "device": device,
        },
        metrics,
    )
    return folder


def _moments(codec: AutoencoderKL, images: np.ndarray) -> dict[str, list[float]]:
    """Mean and standard deviation of each latent channel over real images."""
    with torch.inference_mode():
        z = torch.cat(
            [
                codec.encode(torch.from_numpy(i)[None, None].float() / 127.5 - 1).latent_dist.mode()
                for i in images
            ]
        )
    return {"latents_mean": z.mean((0, 2, 3)).tolist(), "latents_std": z.std((0, 2, 3)).tolist()}


def _crops(images: np.ndarray, rng: np.random.Generator, size: int, count: int) -> Tensor:
    """Random crops (count, 1, size, size) in [-1, 1], flipped and with exposure varied."""
    out = np.empty((count, 1, size, size), np.float32)
    for i in range(count):
        y, x = rng.integers(0, images.shape[1] - size + 1, 2)
        patch = images[rng.integers(len(images)), y : y + size, x : x + size].astype(np.float32) / 255
        patch = patch[:, ::-1] if rng.random() < 0.5 else patch
        out[i, 0] = np.clip(patch ** rng.uniform(0.75, 1.33) * rng.uniform(0.85, 1.08), 0, 1)
    return torch.from_numpy(out) * 2 - 1
