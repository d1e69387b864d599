"""XReal: spatial control of a frozen text-to-image model (Hashmi et al., 2024, arXiv 2403.09240).

The *Anatomy Controller* holds a rough latent of the wanted body in the first steps and then lets go. The
*Pathology Controller* denoises lesions inside their masks and keeps the source outside. Both are functions
of latents; a sample depends on its own seed, masks and prompts, never on its batch. They run by the
schedules of :mod:`synth.images.frozen.control_presets`, the paper's or ours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.denoisers import FrozenDenoiser, Level, Text
from synth.images.finite import check_finite
from synth.images.frozen.blending import Kept, NoiseStreams, check_masks, coverage, denoise, touched
from synth.images.frozen.control_presets import OURS, Preset, Stage
from synth.images.frozen.rough_latents import RoughSource
from synth.images.model import spatial_condition


@torch.inference_mode()
def control_anatomy(
    base: FrozenDenoiser,
    rough: RoughSource,
    anatomy: Tensor,
    side: int,
    seeds: Sequence[int],
    preset: Preset = OURS,
) -> Tensor:
    """Latents (N, C, side, side) of healthy radiographs with organs where ``anatomy`` (N, 5, H, W) has them.

    Masks are in [0, 1], channels as ANATOMY, at any resolution; no prompt. ``rough`` is on the base's device.
    Raises ValueError.
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
    return denoise(base, _levels(base, stage), start, Text(states), streams, preset.solver, kept)


@torch.inference_mode()
def control_pathology(
    base: FrozenDenoiser,
    source: Tensor,
    lesions: Tensor,
    prompts: Sequence[Sequence[str]],
    seeds: Sequence[int],
    preset: Preset = OURS,
    hints: Tensor | None = None,
) -> Tensor:
    """The latents ``source`` (N, C, h, h) with lesions (N, K, H, W), masks in [0, 1] at any resolution.

    ``prompts`` holds K texts for each sample, one a mask; a mask may be empty. In cells that no mask touches
    (and that do not touch such a cell, where edges are soft) the result is the source, bit for bit; where
    ``preset.through_pixels``, the source decoded and encoded again.

    ``hints`` (1 + K, N, S, h, h) is what the base's S spare channels are told without a prompt and with each;
    None leaves them at zero, as a text-to-image base has none. Raises ValueError.
    """
    count, regions = len(seeds), len(prompts[0]) if prompts else 0
    check_masks(lesions, count, regions, "lesions")
    if len(prompts) != count or any(len(p) != regions for p in prompts):
        raise ValueError(f"prompts: {[len(p) for p in prompts]} texts, expected {count} times {regions}")
    if source.shape[:2] != (count, base.channels) or source.shape[2] != source.shape[3]:
        raise ValueError(f"source: {tuple(source.shape)}, expected ({count}, {base.channels}, h, h)")
    wanted = (1 + regions, count, base.spare, *source.shape[2:])
    if hints is None:
        hints = source.new_zeros(wanted)
    elif hints.shape != wanted:
        raise ValueError(f"hints: {tuple(hints.shape)}, expected {wanted}")
    if preset.alone and count > 1:
        parts = zip(source.split(1), lesions.split(1), prompts, seeds, hints.split(1, 1), strict=True)
        return torch.cat([control_pathology(base, x, m, [p], [s], preset, h) for x, m, p, s, h in parts])
    source, lesions, hints = (x.to(base.device) for x in (source, lesions, hints))
    if preset.together:
        streams = NoiseStreams(seeds, "lesions", base.device)
        return _infuse(base, source, lesions, prompts, streams, preset, hints)
    for k in range(regions):
        one, streams = [[p[k]] for p in prompts], NoiseStreams(seeds, f"lesion {k}", base.device)
        source = _infuse(base, source, lesions[:, k : k + 1], one, streams, preset, hints[[0, k + 1]])
    return source


def control(
    base: FrozenDenoiser,
    rough: RoughSource,
    anatomy: Tensor,
    lesions: Tensor,
    prompts: Sequence[Sequence[str]],
    side: int,
    seeds: Sequence[int],
    preset: Preset = OURS,
    hints: Tensor | None = None,
) -> Tensor:
    """Both controllers, one after the other: latents (N, C, side, side) of new radiographs with lesions."""
    bodies = control_anatomy(base, rough, anatomy, side, seeds, preset)
    return control_pathology(base, bodies, lesions, prompts, seeds, preset, hints)


def lesion_hints(lesions: Tensor, findings: Sequence[Sequence[str]], side: int) -> Tensor:
    """Hints (1 + K, N, S, side, side) for our own image model: first no lesion, then each of ``lesions``.

    ``lesions`` (N, K, H, W) in [0, 1] are of the ``findings`` named for each sample. The body is not told.
    Raises ValueError for an unknown finding.
    """
    for name in (n for names in findings for n in names):
        if name not in FINDING_NAMES:
            raise ValueError(f"finding: {name!r}, expected one of {', '.join(FINDING_NAMES)}")
    count, regions, *size = lesions.shape
    channels = torch.zeros(1 + regions, count, len(FINDING_NAMES), *size, device=lesions.device)
    for i, names in enumerate(findings):
        for k, name in enumerate(names):
            channels[k + 1, i, FINDING_NAMES.index(name)] = lesions[i, k]
    flat = channels.flatten(0, 1)
    body, known = flat.new_zeros(len(flat), len(ANATOMY), *size), torch.ones(len(flat), dtype=torch.bool)
    told = spatial_condition(body, flat, side, known.to(flat.device))
    told[:, : len(ANATOMY) + 1] = 0  # and not even that there is none
    return told.unflatten(0, (1 + regions, count))


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
    hints: Tensor,
) -> Tensor:
    if not lesions.shape[1]:
        return source
    if preset.through_pixels:
        source = base.encode(check_finite(base.decode(source), "images").clamp(-1, 1))
    side, stage = source.shape[-1], preset.pathology
    inside = touched(lesions, side, preset.soft)
    free = inside.amax(1, keepdim=True)
    texts = [[""] * len(prompts), *zip(*prompts, strict=True)]  # by branch, then by sample
    states = torch.stack([base.embed(t) for t in texts])
    start = source, streams.normal(source.shape[1:])
    kept = Kept(source, 1 - free, stage.steps)
    shared = inside * (free / inside.sum(1, keepdim=True).clamp(min=1e-6))  # where lesions meet, none adds up
    regions = shared.transpose(0, 1)[:, :, None] if preset.together else None
    text = Text(states, stage.guidance, regions, hints)
    return denoise(base, _levels(base, stage), start, text, streams, preset.solver, kept)


def _levels(base: FrozenDenoiser, stage: Stage) -> tuple[Level, ...]:
    whole = base.schedule.levels(round(stage.steps / (1 - stage.skipped)))
    return whole[-stage.steps - 1 :]
