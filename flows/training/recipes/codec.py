"""Train the codec's decoder; its linear encoder is fitted in closed form."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from flows.figures.spectrum import band_decades
from flows.material.real import Radiographs, load_nih
from flows.training.loop import Schedule, fit
from flows.training.sealing import seal
from synth.images.codec import FACTOR, PatchCodec, band_windows, split_bands
from synth.images.radiographs import read_radiograph, to_uint8

CROP, BATCH, PATCHES, STEPS = 128, 16, 200_000, 300
#: Standard deviation of noise on latents, at most; amplitude in [-1, 1] below which grain is none.
LATENT_NOISE, FLOOR = 0.12, 1e-3


def sample_patches(images: np.ndarray, rng: np.random.Generator) -> Tensor:
    """(PATCHES, 8, 8) in [-1, 1] from (N, H, W) uint8 images."""
    n, height, width = images.shape
    ys, xs = rng.integers(0, height - FACTOR, PATCHES), rng.integers(0, width - FACTOR, PATCHES)
    grid = np.arange(FACTOR)
    which = rng.integers(0, n, PATCHES)[:, None, None]
    patches = images[which, (ys[:, None] + grid)[:, :, None], (xs[:, None] + grid)[:, None]]
    return torch.from_numpy(patches).float() / 127.5 - 1


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM of (N, 1, H, W) in [-1, 1] with a 7×7 box window (Wang et al., 2004)."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, 1)

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    return (((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


def grain_loss(loudness: Tensor, missing: Tensor) -> Tensor:
    """Negative log-likelihood of what is ``missing`` (N, 1, H, W) as Gaussian noise in bands (Whittle, 1953).

    ``loudness`` (N, BANDS, h, w): log amplitudes on the latents' grid, where white noise of standard
    deviation ``a`` has log a in every band.
    """
    windows = band_windows(missing)
    power = F.avg_pool2d(split_bands(missing) ** 2, FACTOR) + FLOOR**2
    whole = torch.cat([windows, windows[..., 1:-1]], -1)  # a real FFT leaves out the mirrored half
    power = power / (whole**2).mean((1, 2))[:, None, None]
    return (loudness + 0.5 * power * (-2 * loudness).exp()).mean()


def decoder_loss(codec: PatchCodec, x: Tensor, rng: np.random.Generator) -> Tensor:
    """Of the expected image and of the grain, for real crops (N, 1, H, W).

    Half of the latents carry noise, as generated ones do. Grain stands for what the code drops, not
    for that noise: its target is what clean latents leave missing.
    """
    latents = codec.encode(x).float()
    levels = rng.uniform(-LATENT_NOISE, LATENT_NOISE, (len(x), 1, 1, 1)).clip(0).astype(np.float32)
    noisy = latents + torch.from_numpy(levels).to(x.device) * torch.randn_like(latents)
    detail, loudness = codec.dropped(noisy)
    y = (codec.decode_linear(noisy) + detail).float()
    with torch.no_grad():
        missing = x - codec.decode(latents).float()
    pixels = 20 * F.mse_loss(y, x) + F.l1_loss(y, x) + 0.3 * (1 - ssim(y, x))
    return pixels + 0.02 * grain_loss(loudness.float(), missing)


def evaluate(codec: PatchCodec, images: np.ndarray) -> dict[str, float]:
    """On whole 8-bit images (N, 256, 256): PSNR in dB and SSIM without grain; log10 of the power in
    64 to 128 cycles an image over that of the originals, with grain and without.
    """
    generator = torch.Generator().manual_seed(0)
    plain, grainy = [], []
    with torch.inference_mode():
        for image in images:
            latents = codec.encode(torch.from_numpy(image)[None, None].float() / 127.5 - 1)
            grain = torch.randn(1, 1, *image.shape, generator=generator)
            plain.append(_bytes(codec.decode(latents)))
            grainy.append(_bytes(codec.decode(latents, grain)))
    pairs = list(zip(images, plain, strict=True))
    figures = {
        "psnr_db": np.mean([peak_signal_noise_ratio(a, b) for a, b in pairs]),
        "ssim": np.mean([structural_similarity(a, b) for a, b in pairs]),
        "log10_texture": band_decades(np.stack(grainy), images),
        "log10_texture_without_grain": band_decades(np.stack(plain), images),
    }
    return {name: round(float(value), 4 if name == "ssim" else 2) for name, value in figures.items()}


def _bytes(image: Tensor) -> np.ndarray:
    return ((image[0, 0].clamp(-1, 1) + 1) * 127.5).round().numpy().astype(np.uint8)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, evaluate on held-out patients and seal ``out/codec``; ``scale`` multiplies the steps."""
    nih = load_nih(data)
    images = nih.images[nih.where("train")]
    torch.manual_seed(seed)
    codec = PatchCodec()
    codec.fit_patches(sample_patches(images, np.random.default_rng(seed)))
    schedule = Schedule(steps=int(STEPS * scale), lr=1e-3, ema=0.995)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        return decoder_loss(codec, _crops(images, rng, CROP, BATCH).to(device), rng)

    fit(codec, loss_of, schedule, out / "runs" / "codec", seed, device, resume)
    codec.to("cpu")
    folder = out / "codec"
    codec.half().save_pretrained(folder)
    codec = PatchCodec.from_pretrained(folder, low_cpu_mem_usage=False).float().eval()
    test = nih.where("test")
    metrics = {
        "held-out patients": evaluate(codec, as_stored(data, nih, test)),
        "held-out patients, exposure normalised": evaluate(codec, nih.images[test]),
    }
    seal(
        folder,
        "Codec: 256×256 radiographs to 8×32×32 latents",
        ("nih",),
        "synthorax train codec --data DIR",
        {"seed": seed, "steps": schedule.steps, "batch": f"{BATCH} crops of {CROP}²", "device": device},
        metrics,
    )
    return folder


def as_stored(data: Path, nih: Radiographs, which: np.ndarray) -> np.ndarray:
    """Images as the source stores them, only resized."""
    paths = [data / "nih" / "images" / nih.names[i] for i in which]
    return np.stack([to_uint8(read_radiograph(p, nih.images.shape[-1])) for p in paths])


def _crops(images: np.ndarray, rng: np.random.Generator, size: int, count: int) -> Tensor:
    """Random crops (count, 1, size, size) in [-1, 1], flipped and with exposure varied."""
    out = np.empty((count, 1, size, size), np.float32)
    for i in range(count):
        y, x = rng.integers(0, images.shape[1] - size + 1, 2)
        patch = images[rng.integers(len(images)), y : y + size, x : x + size].astype(np.float32) / 255
        patch = patch[:, ::-1] if rng.random() < 0.5 else patch
        out[i, 0] = np.clip(patch ** rng.uniform(0.75, 1.33) * rng.uniform(0.85, 1.08), 0, 1)
    return torch.from_numpy(out) * 2 - 1
