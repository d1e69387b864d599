"""Rough latents: what a body looks like on average, given where its organs lie.

The anatomy encoder of XReal (Hashmi et al., 2024, arXiv 2403.09240) for a codec's latents: a small U-Net
(Ronneberger et al., 2015) regresses them from masks. Its least-squares answer is a blurred radiograph, which
a frozen diffusion model is started from.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.findings import ANATOMY
from synth.images.codec import PatchCodec
from synth.images.denoisers import FrozenDenoiser
from synth.weights import SHIPPED, load_safetensors, verify_folder

#: Latent cells of the side that the network is trained at.
SIDE = 32


class RoughSource(Protocol):
    """Gives rough latents of ``channels`` channels."""

    @property
    def channels(self) -> int: ...

    def draw(self, anatomy: Tensor, side: int) -> Tensor:
        """Latents (N, channels, side, side) of masks (N, 5, H, W) in [0, 1] at any resolution."""
        ...


class RoughLatents(nn.Module):
    """Coverage of cells by anatomy (N, 5, SIDE, SIDE) in [0, 1] to latents (N, channels, SIDE, SIDE)."""

    def __init__(self, channels: int = 8, widths: tuple[int, int, int] = (32, 64, 96)) -> None:
        super().__init__()
        a, b, c = widths
        self.channels = channels
        self.first = _stage(len(ANATOMY) + 2, a)
        self.second = _stage(a, b)
        self.third = _stage(b, c)
        self.second_up = _stage(b + c, b, 1)
        self.first_up = _stage(a + b, a)
        self.head = nn.Conv2d(a, channels, 1)

    @classmethod
    def load(cls, folder: Path = SHIPPED / "rough_latents") -> "RoughLatents":
        """Read a checkpoint folder whose files match their pins."""
        verify_folder(folder)
        network = cls(json.loads((folder / "config.json").read_text())["channels"])
        network.load_state_dict(load_safetensors(folder / "model.safetensors"))
        return network.float().eval()

    def forward(self, coverage: Tensor) -> Tensor:
        count, _, height, width = coverage.shape
        ys = torch.linspace(-1, 1, height, device=coverage.device)[:, None].expand(height, width)
        xs = torch.linspace(-1, 1, width, device=coverage.device).expand(height, width)
        places = torch.stack([ys, xs]).expand(count, 2, height, width)
        one = self.first(torch.cat([coverage, places], 1))
        two = self.second(F.avg_pool2d(one, 2))
        three = self.third(F.avg_pool2d(two, 2))
        two = self.second_up(torch.cat([two, _doubled(three)], 1))
        one = self.first_up(torch.cat([one, _doubled(two)], 1))
        return self.head(one)

    @torch.inference_mode()
    def draw(self, anatomy: Tensor, side: int) -> Tensor:
        """Latents (N, channels, side, side) of masks (N, 5, H, W) in [0, 1] at any resolution."""
        coverage = F.interpolate(anatomy.float(), size=(SIDE, SIDE), mode="area")
        latents = self(coverage)
        if side == SIDE:
            return latents
        return F.interpolate(latents, size=(side, side), mode="bilinear", align_corners=False)


@dataclass
class ReencodedRough:
    """Rough latents of any base without training: ours, made an image by our codec and encoded by its VAE.

    ``colours``: channels of the base's images; ``factor``: pixels of its latent cells' side.
    """

    rough: RoughLatents
    codec: PatchCodec
    base: FrozenDenoiser
    colours: int
    factor: int

    @property
    def channels(self) -> int:
        """Those of the base's latents."""
        return self.base.channels

    @torch.inference_mode()
    def draw(self, anatomy: Tensor, side: int) -> Tensor:
        """Latents (N, channels, side, side) of masks (N, 5, H, W) in [0, 1] at any resolution.

        The image is resized, not our latents: they tell of patches of a fixed size.
        """
        images = self.codec.decode(self.rough.draw(anatomy, SIDE)).clamp(-1, 1)
        size = (side * self.factor, side * self.factor)
        images = F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
        return self.base.encode(images.repeat(1, self.colours, 1, 1))


def _stage(inputs: int, width: int, depth: int = 2) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [
            nn.Conv2d(width if i else inputs, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
        ]
    return nn.Sequential(*layers)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
