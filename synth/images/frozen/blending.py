"""Denoising with a given latent kept where a mask says so: masks on latents, mixing, one loop of steps.

As RePaint (Lugmayr et al., 2022) and blended latent diffusion (Avrahami et al., 2023) have it: at each level
the given latent, noised to that level, takes its place in the one being denoised.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from synth.images.denoisers import FrozenDenoiser, Level, Text
from synth.seeding import derive_seed


class NoiseStreams:
    """Standard normal noise, a stream for each sample's seed: neighbours in the batch change nothing."""

    def __init__(self, seeds: Sequence[int], stage: str, device: str = "cpu") -> None:
        self.generators = [torch.Generator().manual_seed(derive_seed(s, "xreal", stage)) for s in seeds]
        self.device = device

    def normal(self, shape: Sequence[int]) -> Tensor:
        """(N, *shape), drawn on the CPU whatever the device."""
        return torch.stack([torch.randn(*shape, generator=g) for g in self.generators]).to(self.device)


@dataclass(frozen=True)
class Kept:
    """A clean latent (N, C, h, w) that keeps its place by ``weight`` (N, 1, h, w) in [0, 1] in the first
    ``steps`` of a denoising."""

    latent: Tensor
    weight: Tensor
    steps: int


@dataclass(frozen=True)
class Solver:
    """How a step is made.

    ``eta`` in [0, 1]: share of DDIM's fresh noise (Song et al., 2021, equation 16). ``second_order``: the
    multistep extrapolation of DPM-Solver++ (Lu et al., 2022, algorithm 2). ``preserve``: whether mixed
    noise is rescaled to unit variance.
    """

    eta: float = 0.0
    second_order: bool = True
    preserve: bool = True


def mix_noise(noise: Tensor, fresh: Tensor, weight: Tensor, preserve: bool = True) -> Tensor:
    """``weight`` of ``fresh`` noise and the rest of independent ``noise``, of unit variance if ``preserve``.

    Without it the variance falls to weight² + (1 − weight)²: the network takes what is missing for image,
    and blurs.
    """
    mixed = weight * fresh + (1 - weight) * noise
    return mixed / (weight**2 + (1 - weight) ** 2).sqrt() if preserve else mixed


def denoise(
    base: FrozenDenoiser,
    levels: Sequence[Level],
    start: tuple[Tensor, Tensor],
    text: Text,
    streams: NoiseStreams,
    solver: Solver,
    kept: Kept | None = None,
) -> Tensor:
    """A clean latent (N, C, h, w) from ``start``: what is taken for clean and for noise at the first level.

    At each level the kept latent is mixed in with noise of its own; kept to the last step, it is whole in
    the result wherever its weight is 1.
    """
    (clean, noise), shape = start, start[0].shape[1:]
    kept_steps = kept.steps if kept else 0
    free = torch.ones_like(clean[:, :1]) if kept is None else 1 - kept.weight
    last: tuple[Level, Tensor] | None = None
    for i, (now, then) in enumerate(pairwise(levels)):
        if kept is not None and i < kept_steps:
            fresh = streams.normal(shape)
            clean = kept.weight * kept.latent + (1 - kept.weight) * clean
            noise = mix_noise(noise, fresh, kept.weight, solver.preserve)
        z = now.alpha * clean + now.sigma * noise
        estimate, noise = base.predict(z, now, text)
        clean = estimate
        if solver.second_order and last is not None and (reach := _reach(last[0], now, then)):
            # where a latent was mixed in, the last estimate was of another one
            known = free if i <= kept_steps else torch.ones_like(free)
            clean = estimate + reach * known * (estimate - last[1])
            noise = (z - now.alpha * clean) / now.sigma
        last = now, estimate
        if solver.eta:
            share = solver.eta * math.sqrt(1 - (now.alpha * then.sigma / (then.alpha * now.sigma)) ** 2)
            noise = math.sqrt(1 - share**2) * noise + share * streams.normal(shape)
    if kept is not None and kept_steps >= len(levels) - 1:
        clean = torch.where(kept.weight == 1, kept.latent, kept.weight * kept.latent + free * clean)
    return clean


def invert(
    base: FrozenDenoiser, levels: Sequence[Level], latent: Tensor, text: Text, rounds: int
) -> list[Tensor]:
    """The latents at each of ``levels``, noisiest first, from which steps without noise lead back to the
    clean ``latent`` (N, C, h, w), under a ``text`` of one branch (DDIM; Song et al., 2021, section 4.3).

    Each step is solved for the noisier latent in ``rounds`` fixed-point iterations (Pan et al., 2023).
    """
    path = [latent]
    for now, then in pairwise(reversed(levels)):
        x = z = path[-1]
        at = Level(now.alpha, now.sigma, then.time)
        for _ in range(rounds):
            clean, noise = base.predict(z, at, text)
            z, at = x + (then.alpha - now.alpha) * clean + (then.sigma - now.sigma) * noise, then
        path.append(z)
    return path[::-1]


def retrace(
    base: FrozenDenoiser, levels: Sequence[Level], path: Sequence[Tensor], free: Tensor, text: Text
) -> Tensor:
    """A clean latent (N, C, h, w) denoised anew from where an inverted ``path`` begins, by another ``text``.

    What the path holds is kept but for ``free`` (N, 1, h, w) in [0, 1] of each cell: where that is 0, the
    result is the path's own end, bit for bit.
    """
    z = path[0]
    for i, (now, then) in enumerate(pairwise(levels)):
        clean, noise = base.predict(z, now, text)
        z = torch.lerp(path[i + 1], then.alpha * clean + then.sigma * noise, free)
    return z


def _reach(last: Level, now: Level, then: Level) -> float:
    """How far to go on from two estimates: half the ratio of their steps in log(alpha / sigma), or 0."""
    if last.alpha == 0 or then.sigma == 0:
        return 0.0

    def height(level: Level) -> float:
        return math.log(level.alpha / level.sigma)

    return (height(then) - height(now)) / (height(now) - height(last)) / 2


def coverage(masks: Tensor, side: int) -> Tensor:
    """(N, K, side, side): share of each latent cell that masks (N, K, H, W) cover, at any resolution."""
    return F.interpolate(masks.float(), size=(side, side), mode="area")


def touched(masks: Tensor, side: int, soft: bool) -> Tensor:
    """(N, K, side, side): 1 in cells that masks (N, K, H, W) touch, else 0; ``soft``: falling in a cell."""
    hard = (coverage(masks, side) > 0).float()
    return hard.maximum(F.avg_pool2d(hard, 3, 1, 1, count_include_pad=False)) if soft else hard


def check_masks(masks: Tensor, count: int, channels: int, name: str) -> None:
    """Raises ValueError unless ``masks`` are (count, channels, H, H), count 1 or more, in [0, 1]."""
    shape = tuple(masks.shape)
    if len(shape) != 4 or shape[:2] != (count, channels) or shape[2] != shape[3] or 0 in (count, shape[2]):
        raise ValueError(f"{name}: {shape}, expected ({count or 'one or more'}, {channels}, H, H)")
    if not channels:
        return
    low, high = float(masks.min()), float(masks.max())
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise ValueError(f"{name}: values from {low:g} to {high:g}, expected 0 to 1")
