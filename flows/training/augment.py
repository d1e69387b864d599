"""Joint augmentation of images and masks: parameters are drawn first, then applied to both."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Warp:
    """A sampling grid (N, R, R, 2) for ``grid_sample``: affine and elastic together."""

    grid: Tensor

    def __call__(self, x: Tensor, mode: str = "bilinear") -> Tensor:
        """Warp (N, C, H, W) to (N, C, R, R); outside the image the border is repeated."""
        return F.grid_sample(x.float(), self.grid, mode=mode, padding_mode="border", align_corners=False)

    def sharply(self, x: Tensor) -> Tensor:
        """As above, but what is finest stays: between pixels a bilinear mean has under half of its power."""
        return self(_doubled(x.float()), "bicubic")


def _doubled(x: Tensor, margin: int = 16) -> Tensor:
    """(N, C, S, S) to (N, C, 2 S, 2 S) by its Fourier series, mirrored at its border."""
    side = x.shape[-1] + 2 * margin
    spectrum = torch.fft.rfft2(F.pad(x, (margin,) * 4, mode="reflect"))
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)
    spectrum = spectrum * torch.exp(-0.5j * torch.pi * (rows + columns))  # a new pixel's centre is 1/4 aside
    half, wide = side // 2, torch.zeros(*x.shape[:2], 2 * side, side + 1, dtype=spectrum.dtype)
    wide[..., :half, : half + 1] = spectrum[..., :half, :]
    wide[..., -half:, : half + 1] = spectrum[..., -half:, :]
    larger = 4 * torch.fft.irfft2(wide, s=(2 * side, 2 * side))
    return larger[..., 2 * margin : -2 * margin, 2 * margin : -2 * margin]


def draw_warp(
    rng: np.random.Generator,
    count: int,
    size: int,
    degrees: float = 8,
    scale: float = 0.15,
    shift: float = 0.06,
    elastic: float = 0.02,
) -> Warp:
    """Rotation, anisotropic scale, shift and a smooth elastic field (Simard et al., 2003).

    ``shift`` and ``elastic`` (standard deviation) are fractions of the image's side.
    """
    angle = np.deg2rad(rng.uniform(-degrees, degrees, count))
    stretch = np.exp(rng.uniform(-scale, scale, (count, 1)) + rng.uniform(-0.4, 0.4, (count, 2)) * scale)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.zeros((count, 2, 3), np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = cos * stretch[:, 0], -sin * stretch[:, 0]
    matrix[:, 1, 0], matrix[:, 1, 1] = sin * stretch[:, 1], cos * stretch[:, 1]
    matrix[:, :, 2] = rng.uniform(-2 * shift, 2 * shift, (count, 2))
    grid = F.affine_grid(torch.from_numpy(matrix), [count, 1, size, size], align_corners=False)
    field = torch.from_numpy(rng.normal(0, 2 * elastic, (count, 2, 5, 5)).astype(np.float32))
    field = F.interpolate(field, size=(size, size), mode="bicubic", align_corners=True)
    return Warp(grid + field.permute(0, 2, 3, 1))


def vary_exposure(x: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Gamma, gain, slow shading and noise on (N, 1, R, R) in [0, 1]."""
    n, size = x.shape[0], x.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        values = 1 + strength * (rng.uniform(low, high, (n, 1, 1, 1)) - 1)
        return torch.from_numpy(values.astype(np.float32))

    shading = torch.from_numpy(rng.normal(0, 0.06 * strength, (n, 1, 3, 3)).astype(np.float32))
    shading = F.interpolate(shading, size=(size, size), mode="bicubic", align_corners=True)
    noise = torch.from_numpy(rng.standard_normal(x.shape).astype(np.float32))
    noise = noise * torch.from_numpy(rng.uniform(0, 0.02 * strength, (n, 1, 1, 1)).astype(np.float32))
    out = x.clamp(1e-4, 1) ** uniform(0.65, 1.5) * uniform(0.85, 1.12) + shading + noise
    return out.clamp(0, 1)


def blobs(x: Tensor, rng: np.random.Generator, most: int = 3) -> Tensor:
    """Soft bright spots anywhere, so that a segmenter learns to look past opacities."""
    n, size = x.shape[0], x.shape[-1]
    ys, xs = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    out = x.clone()
    for i in range(n):
        for _ in range(rng.integers(0, most + 1)):
            cx, cy = rng.uniform(0.1, 0.9, 2)
            sx, sy = rng.uniform(0.03, 0.16, 2)
            bump = torch.exp(-((((xs - cx) / sx) ** 2 + ((ys - cy) / sy) ** 2) ** rng.uniform(0.8, 2)) / 2)
            out[i, 0] += (0.9 - out[i, 0]).clamp(min=0) * bump * rng.uniform(0.2, 0.95)
    return out


def disguise(images: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Copies of radiographs (N, S, S) uint8 as another export of the same film may be: ``moved`` by a few
    degrees and hundredths of the side, and ``exposed`` otherwise."""
    rng, x = np.random.default_rng(seed), torch.from_numpy(images)[:, None].float() / 255
    warp = draw_warp(rng, len(x), x.shape[-1], degrees=4, scale=0.07, shift=0.03, elastic=0.005)
    made = {"moved": warp(x), "exposed": vary_exposure(x, rng)}
    return {kind: (y[:, 0].clamp(0, 1) * 255).round().byte().numpy() for kind, y in made.items()}
