"""What experts on lesions learn from: batches of real and simulated scenes, the loss, calibration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flows.material.real import Radiographs
from flows.material.scenes import Scenes, balanced
from flows.training.augment import draw_warp, vary_exposure
from synth.findings import FINDING_NAMES, OPACITIES

#: Indices of OPACITIES among FINDING_NAMES.
OPACITY_CHANNELS = [FINDING_NAMES.index(n) for n in OPACITIES]

#: Thin or faint findings, whose scenes are drawn FAINT_ODDS times as often as others.
FAINT = [
    FINDING_NAMES.index(n) for n in ("fibrosis", "fracture", "nodule", "pleural_thickening", "pneumothorax")
]
FAINT_ODDS = 2.5


@dataclass(frozen=True)
class Lessons:
    """Training scenes of three kinds in equal parts, ``batch`` in all, at ``size`` pixels a side.

    Lesions simulated in normal radiographs (``taught``: those in training images, drawn with
    probabilities ``odds``), the same radiographs without them, under the same warp, so that nothing
    but the lesions tells one from the other; and radiographs with real opacities, ``ill``: their
    indices by view.
    """

    nih: Radiographs
    real: Scenes
    simulated: Scenes
    ill: list[np.ndarray]
    taught: np.ndarray
    odds: np.ndarray
    size: int
    batch: int
    device: str

    @classmethod
    def of(
        cls, nih: Radiographs, real: Scenes, simulated: Scenes, size: int, batch: int, device: str
    ) -> "Lessons":
        """Of what :func:`flows.material.scenes.load_scenes` returns."""
        part = nih.parts == "train"
        ill = list(balanced(nih, np.flatnonzero(part & ~nih.normal)))[2:]
        taught = np.flatnonzero(part[simulated.base])
        faint = np.uint16(sum(1 << i for i in FAINT))
        odds = np.where((simulated.lesions[taught] & faint).any((1, 2)), FAINT_ODDS, 1.0)
        return cls(nih, real, simulated, ill, taught, odds / odds.sum(), size, batch, device)

    def loss(self, network: Any, rng: np.random.Generator) -> Tensor:
        """One batch's loss: where lesions lie, which findings there are, and whether any opacity.

        ``network`` maps (N, 1, size, size) in [-1, 1] to lesion logits (N, 13, h, w) and finding
        logits (N, 14), the last one opacity.
        """
        third = self.batch // 3
        some = rng.choice(self.taught, third, p=self.odds)
        seen = np.array([rng.choice(self.ill[i % 2]) for i in range(third)])
        without = self.simulated.base[some]
        x, y = warped(((self.simulated, some), (self.real, without), (self.real, seen)), rng, self.size)
        known = np.concatenate([self.simulated.known[some], self.real.known[without], self.real.known[seen]])
        lesions, findings = network(x.to(self.device) * 2 - 1)
        lesions, findings, y = lesions.float(), findings.float(), y.to(self.device)
        present = (y[: 2 * third].sum((2, 3)) > 3).float()
        whether = F.binary_cross_entropy_with_logits(findings[: 2 * third, :-1], present)
        dense = torch.cat([present[:, OPACITY_CHANNELS].amax(1), torch.ones(third, device=self.device)])
        opacity = F.binary_cross_entropy_with_logits(findings[:, -1], dense)
        told = torch.from_numpy(known).to(self.device)
        masks = F.adaptive_avg_pool2d(y[told], lesions.shape[2:])
        return segmentation_loss(lesions[told], masks) + 2 * whether + 2 * opacity


def warped(
    parts: tuple[tuple[Scenes, np.ndarray], ...], rng: np.random.Generator, size: int
) -> tuple[Tensor, Tensor]:
    """Warped images (B, 1, size, size) in [0, 1] and lesion masks (B, 13, size, size) of some scenes.

    All ``parts`` are equally many, and the first two are warped and mirrored alike.
    """
    images = torch.from_numpy(np.concatenate([s.images[w] for s, w in parts]))[:, None].float() / 255
    lesions = torch.from_numpy(np.concatenate([s.lesions[w] for s, w in parts]).astype(np.float32))[:, None]
    twins = len(images) // len(parts)
    warp = draw_warp(rng, len(images), size, degrees=8, scale=0.15, shift=0.05, elastic=0.01)
    flip = torch.from_numpy(rng.random(len(images)) < 0.3)  # opacity is opacity on either side
    warp.grid[flip, :, :, 0] *= -1
    warp.grid[twins : 2 * twins] = warp.grid[:twins]
    if size <= images.shape[-1] // 2:
        images = F.avg_pool2d(images, 2)
    bits = warp(lesions, mode="nearest").int() >> torch.arange(len(FINDING_NAMES))[:, None, None] & 1
    return vary_exposure(warp(images), rng, 0.8), bits.float()


def segmentation_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy and Dice (Milletari et al., 2016) of (N, K, R, R) logits; Dice where present."""
    p = logits.sigmoid()
    dice = 1 - (2 * (p * y).sum((2, 3)) + 1) / (p.sum((2, 3)) + y.sum((2, 3)) + 1)
    present = (y.sum((2, 3)) > 0).float()
    weighted = (dice * present).sum() / present.sum().clamp(min=1)
    return 8 * F.binary_cross_entropy_with_logits(logits, y) + 0.5 * weighted


@torch.inference_mode()
def predict(network: nn.Module, images: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Finding logits (N, 14) and lesion probabilities (N, 13, size, size) of (N, H, W) uint8."""
    logits, maps = [], []
    for batch in torch.from_numpy(images).split(32):
        x = F.interpolate(batch[:, None].float() / 127.5 - 1, size=(size, size), mode="area")
        lesions, findings = network(x)
        logits.append(findings)
        maps.append(lesions.sigmoid().half())
    return torch.cat(logits).numpy(), torch.cat(maps).numpy()
