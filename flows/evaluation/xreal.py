"""How well XReal's controllers are obeyed: the paper's preset and ours on the same frozen base and requests.

Lungs are judged by the lungs' evaluator, which never trained or filtered anything.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from filters.anatomy_agreement import dice
from filters.experts import EmbeddedAnatomy
from synth.cases import Case, MaskSet
from synth.denoisers import FrozenDenoiser
from synth.findings import FINDING_NAMES, FINDINGS
from synth.generate import Synthesizer
from synth.prompts import PromptSampler
from synth.rough_latents import RoughLatents
from synth.seeding import derive_seed
from synth.xreal import Preset, control_anatomy, control_pathology

#: Seed of the requests.
SEED = 61


@dataclass(frozen=True)
class Request:
    """Masks, the prompt of each finding asked for with its mask (K, H, W) bool, and a seed."""

    masks: MaskSet
    prompts: tuple[str, ...]
    lesions: np.ndarray
    seed: int


def draw_requests(maker: Synthesizer, lesions: int, count: int) -> list[Request]:
    """``count`` requests with ``lesions`` findings each, as the shipped prompts ask for them."""
    found: list[Request] = []
    sampler, index = PromptSampler(), 0
    while len(found) < count:
        case = sampler.case(SEED, f"{index:09d}")
        masks = maker.masks(case)
        drawn = masks.lesion_channels()
        names = [n for n, m in zip(FINDING_NAMES, drawn, strict=True) if m.any() and n != "cardiomegaly"]
        if len(names) >= lesions:
            found.append(_request(case, masks, names[:lesions]))
        index += 1
    return found


def measure(
    base: FrozenDenoiser,
    rough: RoughLatents,
    judge: EmbeddedAnatomy,
    requests: Sequence[Request],
    preset: Preset,
    batch: int = 8,
) -> dict[str, float]:
    """Figures of one preset over requests with equally many lesions.

    ``lung_dice``: of both lungs together, mean over images of the first stage, and ``lung_dice_lesions``
    with lesions; ``ratio``: mean absolute change of pixels inside the lesions' masks over that outside,
    of the means; ``passes`` an image; ``images_per_second`` of both stages.
    """
    before, after, began, seconds = [], [], base.passes, 0.0
    for start in range(0, len(requests), batch):
        some = requests[start : start + batch]
        anatomy = torch.from_numpy(np.stack([r.masks.anatomy for r in some]))
        lesions = torch.from_numpy(np.stack([r.lesions for r in some]))
        seeds, clock = [r.seed for r in some], time.perf_counter()
        body = control_anatomy(base, rough, anatomy, anatomy.shape[-1] // 8, seeds, preset)
        ill = control_pathology(base, body, lesions, [r.prompts for r in some], seeds, preset)
        seconds += time.perf_counter() - clock
        before.append(pixels(base, body))
        after.append(pixels(base, ill))
    healthy, changed = np.concatenate(before), np.concatenate(after)
    inside, outside = change(healthy, changed, [r.lesions.any(0) for r in requests])
    figures = {
        "lung_dice": lung_dice(judge, healthy, requests),
        "lung_dice_lesions": lung_dice(judge, changed, requests),
        "inside": inside,
        "outside": outside,
        "ratio": inside / max(outside, 1e-9),
        "passes": (base.passes - began) / len(requests),
        "images_per_second": len(requests) / seconds,
    }
    return {k: round(float(v), 3) for k, v in figures.items()} | {"images": len(requests)}


def pixels(base: FrozenDenoiser, latents: torch.Tensor) -> np.ndarray:
    """(N, H, W) uint8 without grain, so that only what a controller changed differs."""
    with torch.inference_mode():
        images = base.decode(latents).clamp(-1, 1).mean(1)
    return ((images + 1) * 127.5).round().to(torch.uint8).cpu().numpy()


def lung_dice(judge: EmbeddedAnatomy, images: np.ndarray, requests: Sequence[Request]) -> float:
    """Mean Dice of both lungs together, as the judge sees them, against the requests' masks."""
    scores = []
    for opinion, request in zip(judge.look(images), requests, strict=True):
        right, left = (opinion.mask(name) for name in ("right_lung", "left_lung"))
        if right is None or left is None:
            raise ValueError(f"judge: {judge.name} speaks of {judge.structures}, expected both lungs")
        scores.append(dice(right | left, request.masks.lungs))
    return float(np.mean(scores))


def change(before: np.ndarray, after: np.ndarray, masks: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean absolute change in grey levels inside (H, W) bool masks and outside, means over images."""
    moved = np.abs(before.astype(float) - after)
    inside = [d[m].mean() for d, m in zip(moved, masks, strict=True)]
    outside = [d[~m].mean() for d, m in zip(moved, masks, strict=True)]
    return float(np.mean(inside)), float(np.mean(outside))


def _request(case: Case, masks: MaskSet, names: list[str]) -> Request:
    asked = {f.name: f for f in case.findings}
    prompts = []
    for name in names:
        side = asked[name].side if name in asked else None
        prompts.append(f"{side or ''} {FINDINGS[name].title}.".strip().capitalize())
    lesions = masks.lesion_channels()[[FINDING_NAMES.index(n) for n in names]]
    return Request(masks, tuple(prompts), lesions, derive_seed(SEED, case.key, "request"))
