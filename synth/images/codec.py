"""The codec: patches' principal components as latents, a light network to decode them.

The encoder is linear, a whitened PCA of 8×8 patches as a stride-8 convolution: 8 numbers a patch
keep 36 dB of a radiograph, with zero mean and unit variance on real ones. What the code drops is
decoded in two parts by one network of residual blocks (He et al., 2016) on the latents' grid. Its mean
is added through a lapped transform (Malvar & Staelin, 1989), whose patches overlap and show no edges.
Its spread is added as grain: white noise whose loudness in each band of frequencies is told for each
place, learned as a Gaussian's variance (Whittle, 1953) from what the code drops. So film mottle is as
strong as tissue and exposure make it, and, filtered pixel by pixel, has no grid.
"""

import math

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

#: Pixels of a latent cell's side, and channels of a latent.
FACTOR, CHANNELS = 8, 8
#: Bands of the grain: how many, and the centres of the first and last in cycles a pixel.
BANDS, FIRST, LAST = 6, 0.05, 0.6
#: Log amplitude of grain, in [-1, 1] images, from which the network departs.
QUIET = -4.0


class Block(nn.Module):
    """A residual block (N, width, h, w) that starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        _silence(self.second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


class PatchCodec(ModelMixin, ConfigMixin):
    """Images (N, 1, H, W) in [-1, 1] to latents (N, 8, H/8, W/8) and back."""

    @register_to_config
    def __init__(self, latent_channels: int = CHANNELS, width: int = 96, depth: int = 4) -> None:
        super().__init__()
        patch = (latent_channels, 1, FACTOR, FACTOR)
        self.register_buffer("analysis", torch.zeros(patch))
        self.register_buffer("synthesis", torch.zeros(patch))
        self.register_buffer("mean", torch.zeros(1, 1, FACTOR, FACTOR))
        blocks = [Block(width) for _ in range(depth)]
        self.network = nn.Sequential(nn.Conv2d(latent_channels, width, 3, padding=1), *blocks, nn.SiLU())
        self.detail = nn.ConvTranspose2d(width, 1, 2 * FACTOR, FACTOR, FACTOR // 2)
        self.loudness = nn.Conv2d(width, BANDS, 1)
        _silence(self.detail)
        _silence(self.loudness)

    def fit_patches(self, patches: Tensor) -> None:
        """Set the linear code from (P, 8, 8) real patches in [-1, 1]."""
        flat = patches.reshape(len(patches), -1).double()
        mean = flat.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
        count = self.config["latent_channels"]
        basis = vectors.flip(1)[:, :count]
        basis = basis * basis.sum(0).sign()  # eigenvectors have no sign of their own
        scale = values.flip(0)[:count].sqrt()
        shape = self.analysis.shape
        self.analysis.copy_((basis / scale).T.reshape(shape))
        self.synthesis.copy_((basis * scale).T.reshape(shape))
        self.mean.copy_(mean.reshape(self.mean.shape))

    def encode(self, images: Tensor) -> Tensor:
        """The linear code; sides must be multiples of 8."""
        bias = -(self.analysis * self.mean).sum((1, 2, 3))
        return F.conv2d(images, self.analysis, bias, stride=FACTOR)

    def decode_linear(self, latents: Tensor) -> Tensor:
        """The best linear reconstruction."""
        tiled = self.mean.tile(1, 1, latents.shape[-2], latents.shape[-1])
        return F.conv_transpose2d(latents, self.synthesis, stride=FACTOR) + tiled

    def dropped(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """What the code drops: its mean (N, 1, H, W), and its log amplitudes by band (N, BANDS, h, w)."""
        features = self.network(latents)
        return self.detail(features), QUIET + self.loudness(features)

    def decode(self, latents: Tensor, grain: Tensor | None = None) -> Tensor:
        """Images in about [-1, 1]; standard normal ``grain`` (N, 1, H, W) adds texture, None adds none."""
        detail, loudness = self.dropped(latents)
        images = self.decode_linear(latents) + detail
        if grain is None:
            return images
        amplitudes = F.interpolate(loudness, scale_factor=FACTOR, mode="bilinear").exp()
        return images + (amplitudes * split_bands(grain)).sum(1, keepdim=True)


def _silence(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def split_bands(images: Tensor) -> Tensor:
    """Images (N, 1, H, W) to (N, BANDS, H, W) that sum to them, by radial frequency."""
    spectrum = torch.fft.rfft2(images.float())
    return torch.fft.irfft2(spectrum * band_windows(images), s=images.shape[-2:])


def band_windows(like: Tensor) -> Tensor:
    """(BANDS, H, W/2+1) weights of a real FFT's frequencies for images (…, H, W); they sum to one.

    Raised cosines on a logarithmic axis; the outer two hold all that lies beyond their centres.
    """
    height, width = like.shape[-2:]
    fy = torch.fft.fftfreq(height, device=like.device)[:, None]
    fx = torch.fft.rfftfreq(width, device=like.device)
    radius = torch.hypot(fy, fx).clamp(FIRST, LAST)
    place = (radius / FIRST).log() * ((BANDS - 1) / math.log(LAST / FIRST))
    centres = torch.arange(BANDS, device=like.device)[:, None, None]
    return (math.pi / 2 * (place - centres).abs().clamp(max=1)).cos() ** 2
