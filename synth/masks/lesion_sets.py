"""A set of lesions as numbers, and the network that draws such sets.

Each instance is a token: its box in the lung frame (centre, log width, log height) as normal scores
among real ones, and a code of its outline, the principal components of a signed distance map inside the
box. A transformer without positions learns the velocity that carries noise to such sets (flow matching,
Lipman et al., 2023), given each token's finding, side, zone and severity and the body it lies in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage
from scipy.stats import norm
from torch import Tensor, nn

from synth.findings import FINDING_NAMES, Severity, Side, Zone

#: Side of the signed distance map, its principal components, and a token's length.
GRID, CODES = 24, 20
TOKEN = 4 + CODES

SIDES: tuple[Side, ...] = ("right", "left")
ZONES: tuple[Zone, ...] = ("upper", "mid", "lower")
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")

#: Normal scores at which the quantiles of real boxes are kept.
SCORES = np.linspace(-2.5, 2.5, 41)

#: Numbers that describe the body: aspect of the lungs, cardiothoracic ratio, right lung's share.
BODY = 3


def side_of(x: float) -> int:
    """Index into SIDES of a centre at ``x`` in the lung frame."""
    return int(x >= 0.5)


def zone_of(y: float) -> int:
    """Index into ZONES: thirds of the lungs' height."""
    return int(np.clip(y * 3, 0, 2))


def body_numbers(anatomy: np.ndarray) -> np.ndarray:
    """(BODY,) of a (5, H, W) bool anatomy."""
    right, left, heart = anatomy[:3]
    lungs = right | left
    xs, ys = lungs.any(0), lungs.any(1)
    ratio = heart.any(0).sum() / max(1, xs.sum())
    share = right.sum() / max(1, lungs.sum())
    return np.array([np.log(max(1, xs.sum()) / max(1, ys.sum())), 4 * (ratio - 0.45), 8 * (share - 0.5)])


@dataclass(frozen=True)
class BoxCode:
    """Normal scores of boxes among real ones of the same finding on the same side, number by number.

    ``knots`` (13, 2, K, 4) are the boxes at SCORES. The quantile transform gives each number the
    distribution of the noise that the network starts from (as TabDDPM does, Kotelnikov et al., 2023).
    """

    knots: np.ndarray

    @classmethod
    def fit(cls, boxes: Mapping[tuple[int, int], np.ndarray]) -> "BoxCode":
        """Learn from boxes (N, 4) by index of finding and side."""
        knots = np.zeros((len(FINDING_NAMES), len(SIDES), len(SCORES), 4))
        for kind, several in boxes.items():
            knots[kind] = np.quantile(several, norm.cdf(SCORES), axis=0)
        return cls(knots)

    def encode(self, box: np.ndarray, finding: int, side: int) -> np.ndarray:
        """(4,) scores of a (4,) box: centre x, centre y, log width, log height."""
        return np.array(
            [np.interp(v, k, SCORES) for v, k in zip(box, self.knots[finding, side].T, strict=True)]
        )

    def decode(self, scores: np.ndarray, finding: int, side: int) -> np.ndarray:
        """(..., 4) boxes of (..., 4) scores; none is beyond the real ones."""
        knots = self.knots[finding, side].T
        return np.stack([np.interp(scores[..., i], SCORES, k) for i, k in enumerate(knots)], axis=-1)


@dataclass(frozen=True)
class OutlineCode:
    """Principal components of (GRID, GRID) signed distance maps; ``modes`` scaled to one deviation."""

    mean: np.ndarray  # (GRID²,)
    modes: np.ndarray  # (CODES, GRID²)

    @classmethod
    def fit(cls, masks: list[np.ndarray]) -> "OutlineCode":
        """Learn from (GRID, GRID) bool masks, each filling its box."""
        maps = np.stack([_distance(m).ravel() for m in masks])
        mean = maps.mean(0)
        _, scales, axes = np.linalg.svd(maps - mean, full_matrices=False)
        return cls(mean, axes[:CODES] * (scales[:CODES, None] / np.sqrt(len(maps))))

    def encode(self, mask: np.ndarray) -> np.ndarray:
        """(CODES,) of a (GRID, GRID) bool mask."""
        inverse = self.modes / (self.modes**2).sum(1, keepdims=True)
        return (_distance(mask).ravel() - self.mean) @ inverse.T

    def decode(self, code: np.ndarray, height: int, width: int) -> np.ndarray:
        """(height, width) bool outline of a code, stretched to its box."""
        field = (self.mean + np.clip(code, -3, 3) @ self.modes).reshape(GRID, GRID)
        ys = (np.arange(height) + 0.5) / height * GRID - 0.5
        xs = (np.arange(width) + 0.5) / width * GRID - 0.5
        at = np.stack(np.meshgrid(ys, xs, indexing="ij"))
        return ndimage.map_coordinates(field, at, order=1, mode="nearest") > 0


class LesionSetNetwork(nn.Module):
    """Velocity of noisy tokens: (B, N, TOKEN) with conditions to (B, N, TOKEN)."""

    def __init__(self, width: int = 128, depth: int = 4) -> None:
        super().__init__()
        self.token = nn.Linear(TOKEN, width)
        self.finding = nn.Embedding(len(FINDING_NAMES), width)
        self.side = nn.Embedding(len(SIDES), width)
        self.zone = nn.Embedding(len(ZONES), width)
        self.severity = nn.Embedding(len(SEVERITIES), width)
        self.place = nn.Linear(BODY + 16, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 3 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.out = nn.Linear(width, TOKEN)

    def forward(self, x: Tensor, t: Tensor, kinds: Tensor, body: Tensor, absent: Tensor) -> Tensor:
        """``t`` (B,) in [0, 1], 1 is noise; ``kinds`` (B, N, 4) int indices of finding, side, zone,
        severity; ``body`` (B, BODY); ``absent`` (B, N) bool marks padding.
        """
        waves = t[:, None] * torch.pi * 2.0 ** torch.arange(8, device=t.device)
        place = self.place(torch.cat([body, waves.sin(), waves.cos()], 1))[:, None]
        h = self.token(x) + place
        h = h + self.finding(kinds[..., 0]) + self.side(kinds[..., 1])
        h = h + self.zone(kinds[..., 2]) + self.severity(kinds[..., 3])
        return self.out(self.layers(h, src_key_padding_mask=absent))


@torch.inference_mode()
def draw_sets(
    network: LesionSetNetwork, noise: Tensor, kinds: Tensor, body: Tensor, steps: int = 12
) -> Tensor:
    """Carry (B, N, TOKEN) noise to tokens by Heun's method (Karras et al., 2022, algorithm 1)."""
    x = noise
    times = torch.linspace(1, 0, steps + 1)
    absent = torch.zeros(x.shape[:2], dtype=torch.bool)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return network(x, t.expand(len(x)), kinds, body, absent)

    for now, then in pairwise(times):
        v = velocity(x, now)
        ahead = x + (then - now) * v
        x = x + (then - now) * (v + velocity(ahead, then)) / 2
    return x


def _distance(mask: np.ndarray) -> np.ndarray:
    """Signed distance in boxes' widths, positive inside, flattened far from the outline."""
    padded = np.pad(mask, 1)
    inside = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~padded)[1:-1, 1:-1]
    return np.clip((inside - outside) / GRID, -0.25, 0.25)
