"""The networks: one makes a rough film of 32×32 pixels in steps, one a film from it in one pass, and one
twice as fine a film of that.

The first two are told of masks as coverage of a coarse grid and of the patient by numbers, never by text.
"""

import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from torch import Tensor, nn

from synth.findings import ANATOMY, FINDING_NAMES

#: Pixels a side of a rough film, of the grid that masks are seen on, of a film, and of a fine one.
ROUGH, GRID, SIDE, FINE = 32, 64, 256, 512
#: Channels of masks: anatomy, then lesions.
MASKS = len(ANATOMY) + len(FINDING_NAMES)
#: Numbers that tell of the patient: each finding, whether it is known, then age / 100, woman, PA, and 1.
PATIENT = 2 * len(FINDING_NAMES) + 4
#: Numbers of the code, and channels of noise on 16×16 cells, that films of the same masks differ by.
CODE, NOISE = 48, 8


class RoughNetwork(nn.Module):
    """Velocity of a rough film, on 16×16 cells of 2×2 pixels (flow matching, Lipman et al., 2023)."""

    def __init__(self, widths: tuple[int, int] = (48, 80), layers: int = 1) -> None:
        super().__init__()
        self.unet = UNet2DModel(
            sample_size=ROUGH // 2,
            in_channels=4 + 4 * (MASKS + 1),
            out_channels=4,
            block_out_channels=widths,
            layers_per_block=layers,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=16,
            norm_num_groups=16,
            class_embed_type="identity",
        )
        width = widths[0] * 4
        self.who = nn.Sequential(nn.Linear(PATIENT, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, t: Tensor, masks: Tensor, patient: Tensor) -> Tensor:
        """Of ``x`` (N, 1, 32, 32) at ``t`` (N,) in [0, 1], 1 being noise; ``masks`` (N, MASKS, 32, 32)."""
        spatial = F.pixel_unshuffle(torch.cat([masks, torch.ones_like(masks[:, :1])], 1), 2)
        cells = torch.cat([F.pixel_unshuffle(x, 2), spatial], 1)
        return F.pixel_shuffle(self.unet(cells, 1000 * t, class_labels=self.who(patient)).sample, 2)


class FilmNetwork(nn.Module):
    """A film of 256×256 pixels from a rough one, in one pass.

    Blocks of gated convolutions, twice as large each, after FastGAN (Liu et al., 2021); the finest add what
    the rough film, enlarged, lacks. All is enlarged bilinearly: by whole pixels it leaves a lattice.
    """

    def __init__(self, widths: tuple[int, ...] = (128, 96, 48, 16, 12), style: int = 96) -> None:
        super().__init__()
        at16, at32, at64, at128, at256 = widths
        self.style = nn.Sequential(
            nn.Linear(CODE + PATIENT, style), nn.LeakyReLU(0.2), nn.Linear(style, style), nn.LeakyReLU(0.2)
        )
        self.at16 = _Block(4 + MASKS + NOISE, at16, 3, style)
        self.at32 = _Block(at16 + 1 + MASKS, at32, 2, style)
        self.at64 = _Block(at32 + 1 + MASKS, at64, 2)
        self.at128 = _Block(at64 + 4, at128, 1)
        self.at256 = _Block(at128 + 1, at256, 1)
        self.grey128 = nn.Conv2d(at128, 1, 3, padding=1)
        self.grey256 = nn.Conv2d(at256, 1, 3, padding=1)

    def forward(
        self,
        rough: Tensor,
        masks: Tensor,
        patient: Tensor,
        code: Tensor,
        noise: Tensor,
        grain: Tensor,
        side: int = SIDE,
    ) -> tuple[Tensor, Tensor]:
        """A film (N, 1, side, side) about [-1, 1], side 256 or, to learn with, 128, and the features
        (N, C, side, side) that it was made of; ``masks`` (N, MASKS, 64, 64), ``noise`` (N, NOISE, 16, 16) and
        ``grain`` (N, 1, 256, 256) standard normal."""
        style = self.style(torch.cat([code, patient], 1))
        half = F.avg_pool2d(masks, 2)
        x = self.at16(torch.cat([F.pixel_unshuffle(rough, 2), F.avg_pool2d(half, 2), noise], 1), style)
        x = self.at32(torch.cat([_twice(x), rough, half], 1), style)
        x = self.at64(torch.cat([_twice(x), _enlarged(rough, GRID), masks], 1))
        x = self.at128(torch.cat([_twice(x), F.pixel_unshuffle(grain, 2)], 1))
        if side == SIDE // 2:
            return _enlarged(rough, side) + self.grey128(x), x
        film = _enlarged(rough, SIDE) + _twice(self.grey128(x))
        x = self.at256(torch.cat([_twice(x), grain], 1))
        return film + self.grey256(x), x


class FineNetwork(nn.Module):
    """What a film of 512×512 pixels has beyond one of 256×256, of any window of it."""

    def __init__(self, channels: int = 12, width: int = 8) -> None:
        super().__init__()
        self.at512 = _Block(channels + 1, width, 1)
        self.grey512 = nn.Conv2d(width, 1, 3, padding=1)
        for tensor in self.grey512.parameters():  # it begins with the film, enlarged
            nn.init.zeros_(tensor)

    def forward(self, film: Tensor, x: Tensor, grain: Tensor) -> Tensor:
        """(N, 1, 2 S, 2 S) of a ``film`` (N, 1, S, S) and its features ``x`` (N, C, S, S); ``grain``
        (N, 1, 2 S, 2 S) standard normal."""
        fine = self.grey512(self.at512(torch.cat([_twice(x), grain], 1)))
        return _enlarged(film, grain.shape[-1]) + fine


class _Block(nn.Module):
    """``depth`` gated convolutions, all but the first added to what they see; ``style`` shifts each."""

    def __init__(self, channels: int, width: int, depth: int, style: int | None = None) -> None:
        super().__init__()
        inputs = [channels, *[width] * (depth - 1)]
        self.convolutions = nn.ModuleList(nn.Conv2d(n, 2 * width, 3, padding=1, bias=False) for n in inputs)
        self.norms = nn.ModuleList(_Norm(2 * width, style) for _ in inputs)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            h = F.glu(norm(convolution(x), style), 1)
            x = h if i == 0 else (x + h) * 0.5**0.5
        return x


class _Norm(nn.Module):
    """Batch normalisation whose scale and shift follow the style, if there is one (De Vries et al., 2017)."""

    def __init__(self, channels: int, style: int | None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=style is None)
        self.shift = None if style is None else nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor | None) -> Tensor:
        x = self.norm(x)
        if self.shift is None:
            return x
        scale, shift = self.shift(style)[:, :, None, None].chunk(2, 1)
        return x * (1 + scale) + shift


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _enlarged(x: Tensor, side: int) -> Tensor:
    return F.interpolate(x, size=(side, side), mode="bicubic", align_corners=False)
