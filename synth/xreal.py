"""XReal: spatial control of a frozen text-to-image model (Hashmi et al., 2024, arXiv 2403.09240).

The *Anatomy Controller* holds a rough latent of the wanted body in the first steps and then lets go. The
*Pathology Controller* denoises lesions inside their masks and keeps the source outside. Both are functions
of latents; a sample depends on its own seed, masks and prompts, never on its batch. They run with the
paper's schedule (:data:`PAPER`) or with ours (:data:`OURS`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from synth.blending import Kept, NoiseStreams, Solver, check_masks, coverage, denoise, touched
from synth.denoisers import FrozenDenoiser, Level
from synth.findings import ANATOMY
from synth.rough_latents import RoughLatents


@dataclass(frozen=True)
class Stage:
    """``steps`` over the levels that are left when the noisiest ``skipped`` (a share of all) are not gone
    through; the first ``kept`` of them (a share) blend; ``guidance`` of the prompts."""

    steps: int
    skipped: float = 0.0
    kept: float = 1.0
    guidance: float = 1.0


@dataclass(frozen=True)
class Preset:
    """How both controllers run.

    ``inside`` and ``outside``: weight of the rough latent in organs and elsewhere. ``labels``: anatomy is
    given as a label map of 5 values, one a pixel. ``soft``: masks' edges fall off. ``together``: all lesions
    in one pass over the levels, not one after another. ``through_pixels``: decode, clamp and encode before
    the second stage. ``alone``: one image at a time.
    """

    anatomy: Stage
    pathology: Stage
    inside: float = 1.0
    outside: float = 0.2
    solver: Solver = field(default_factory=Solver)
    labels: bool = False
    soft: bool = True
    together: bool = True
    through_pixels: bool = False
    alone: bool = False

    def passes(self, lesions: int = 1) -> int:
        """UNet passes an image of both stages takes."""
        stages = 1 if self.together else lesions
        branches = 1 + (lesions if self.together else 1)
        return self.anatomy.steps + (self.pathology.steps * branches * stages if lesions else 0)


#: The paper's published code: about 300 UNet passes an image.
PAPER = Preset(
    anatomy=Stage(steps=100, kept=0.5),
    pathology=Stage(steps=100, guidance=7.0),
    solver=Solver(eta=1.0, second_order=False, preserve=False),
    labels=True,
    soft=False,
    together=False,
    through_pixels=True,
    alone=True,
)

#: Ours: a fifth of its passes or fewer, in batches.
OURS = Preset(
    anatomy=Stage(steps=16, kept=0.5),
    pathology=Stage(steps=16, guidance=5.0),
)


@torch.inference_mode()
def control_anatomy(
    base: FrozenDenoiser,
    rough: RoughLatents,
    anatomy: Tensor,
    side: int,
    seeds: Sequence[int],
    preset: Preset = OURS,
) -> Tensor:
    """Latents (N, C, side, side) of healthy radiographs with organs where ``anatomy`` (N, 5, H, W) has them.

    Masks are in [0, 1], channels as ANATOMY, at any resolution; no prompt. Raises ValueError.
    """
    check_masks(anatomy, len(seeds), len(ANATOMY), "anatomy")
    if rough.channels != base.channels:
        raise ValueError(f"rough latents: {rough.channels} channels, expected the base's {base.channels}")
    if preset.alone and len(seeds) > 1:
        parts = zip(anatomy.split(1), ([s] for s in seeds), strict=True)
        return torch.cat([control_anatomy(base, rough, a, side, s, preset) for a, s in parts])
    anatomy = anatomy.to(base.device)
    if preset.labels:
        anatomy = channels_of(label_map(anatomy))
    latent = rough.draw(anatomy, side)
    organs = anatomy.float().amax(1, keepdim=True)
    organs = coverage(organs, side) if preset.soft else touched(organs, side, soft=False)
    weight = preset.outside + (preset.inside - preset.outside) * organs
    stage, streams = preset.anatomy, NoiseStreams(seeds, "anatomy", base.device)
    states = base.embed([""]).expand(len(seeds), -1, -1)[None]
    start = (latent if stage.skipped else torch.zeros_like(latent)), streams.normal(latent.shape[1:])
    kept = Kept(latent, weight, round(stage.kept * stage.steps))
    return denoise(base, _levels(base, stage), start, states, streams, preset.solver, kept=kept)


@torch.inference_mode()
def control_pathology(
    base: FrozenDenoiser,
    source: Tensor,
    lesions: Tensor,
    prompts: Sequence[Sequence[str]],
    seeds: Sequence[int],
    preset: Preset = OURS,
) -> Tensor:
    """The latents ``source`` (N, C, h, h) with lesions (N, K, H, W), masks in [0, 1] at any resolution.

    ``prompts`` holds K texts for each sample, one a mask; a mask may be empty. In cells that no mask touches
    (and that do not touch such a cell, where edges are soft) the result is the source, bit for bit; where
    ``preset.through_pixels``, the source decoded and encoded again. Raises ValueError.
    """
    count, regions = len(seeds), len(prompts[0]) if prompts else 0
    check_masks(lesions, count, regions, "lesions")
    if len(prompts) != count or any(len(p) != regions for p in prompts):
        raise ValueError(f"prompts: {[len(p) for p in prompts]} texts, expected {count} times {regions}")
    if source.shape[:2] != (count, base.channels) or source.shape[2] != source.shape[3]:
        raise ValueError(f"source: {tuple(source.shape)}, expected ({count}, {base.channels}, h, h)")
    if preset.alone and count > 1:
        parts = zip(source.split(1), lesions.split(1), prompts, seeds, strict=True)
        return torch.cat([control_pathology(base, x, m, [p], [s], preset) for x, m, p, s in parts])
    result, lesions = source.to(base.device), lesions.to(base.device)
    if preset.together:
        return _infuse(base, result, lesions, prompts, NoiseStreams(seeds, "lesions", base.device), preset)
    for k in range(regions):
        streams = NoiseStreams(seeds, f"lesion {k}", base.device)
        result = _infuse(base, result, lesions[:, k : k + 1], [[p[k]] for p in prompts], streams, preset)
    return result


def control(
    base: FrozenDenoiser,
    rough: RoughLatents,
    anatomy: Tensor,
    lesions: Tensor,
    prompts: Sequence[Sequence[str]],
    side: int,
    seeds: Sequence[int],
    preset: Preset = OURS,
) -> Tensor:
    """Both controllers, one after the other: latents (N, C, side, side) of new radiographs with lesions."""
    bodies = control_anatomy(base, rough, anatomy, side, seeds, preset)
    return control_pathology(base, bodies, lesions, prompts, seeds, preset)


def label_map(anatomy: Tensor) -> Tensor:
    """(N, H, W) int64 of masks (N, 5, H, W): 0 none, 1 right lung, 2 left lung, 3 heart, 4 clavicles.

    The paper's encoder is given five values; which organ has which is our choice. Where organs overlap the
    later label stands.
    """
    labels = torch.zeros_like(anatomy[:, 0], dtype=torch.int64)
    for channel, label in enumerate((1, 2, 3, 4, 4)):
        labels[anatomy[:, channel] > 0.5] = label
    return labels


def channels_of(labels: Tensor) -> Tensor:
    """(N, 5, H, W) float of a label map (N, H, W): what lies behind another organ is lost, and a clavicle's
    side is that of the image."""
    planes = [labels == 1, labels == 2, labels == 3]
    right = torch.arange(labels.shape[-1], device=labels.device) < labels.shape[-1] / 2
    return torch.stack([*planes, (labels == 4) & right, (labels == 4) & ~right], 1).float()


def _infuse(
    base: FrozenDenoiser,
    source: Tensor,
    lesions: Tensor,
    prompts: Sequence[Sequence[str]],
    streams: NoiseStreams,
    preset: Preset,
) -> Tensor:
    if not lesions.shape[1]:
        return source
    if preset.through_pixels:
        source = base.encode(base.decode(source).clamp(-1, 1))
    side, stage = source.shape[-1], preset.pathology
    inside = touched(lesions, side, preset.soft)
    free = inside.amax(1, keepdim=True)
    texts = [[""] * len(prompts), *zip(*prompts, strict=True)]  # by branch, then by sample
    states = torch.stack([base.embed(t) for t in texts])
    start = source, streams.normal(source.shape[1:])
    kept = Kept(source, 1 - free, stage.steps)
    regions = inside.transpose(0, 1)[:, :, None] if preset.together else None
    return denoise(
        base, _levels(base, stage), start, states, streams, preset.solver, stage.guidance, regions, kept
    )


def _levels(base: FrozenDenoiser, stage: Stage) -> tuple[Level, ...]:
    whole = base.schedule.levels(round(stage.steps / (1 - stage.skipped)))
    return whole[-stage.steps - 1 :]
