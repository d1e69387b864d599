"""How well XReal's controllers are obeyed: the paper's preset and ours on the same frozen base and requests.

Lungs are judged by the lungs' evaluator, which never trained or filtered anything.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from filters.anatomy_agreement import dice
from filters.experts.embedded import EmbeddedAnatomy
from filters.experts.evaluators import load_finding_evaluator, load_lung_evaluator
from filters.experts.lite import LiteExpert
from flows.evaluation.requested import above
from synth.cases import Case, MaskSet
from synth.devices import check_device
from synth.findings import FINDING_NAMES
from synth.generate import Synthesizer
from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.control_presets import HINTED, OURS, PAPER, Preset
from synth.images.frozen.rough_latents import RoughLatents
from synth.images.frozen.xreal import control_anatomy, control_pathology, lesion_hints
from synth.images.model import ImageModel
from synth.prompts.phrases import write_prompt
from synth.prompts.sampler import PromptSampler
from synth.seeding import derive_seed, numpy_generator
from synth.settings import SynthesisSettings

#: Seed of the requests.
SEED = 61


@dataclass(frozen=True)
class Request:
    """Masks, K findings that are asked for, the prompt and mask (K, H, W) bool of each, and a seed."""

    masks: MaskSet
    findings: tuple[str, ...]
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
    judges: tuple[EmbeddedAnatomy, LiteExpert],
    requests: Sequence[Request],
    preset: Preset,
    hinted: bool = False,
    batch: int = 8,
) -> dict[str, float]:
    """Figures of one preset over requests with equally many lesions.

    ``lung_dice`` of both lungs together, mean over images of the first stage, and ``lung_dice_lesions``
    with lesions; ``ratio``: mean absolute change of pixels inside the lesions' masks over that outside;
    ``found``: AUROC of the peak of a finding's map in its mask, with lesions against before; ``passes``
    an image; ``images_per_second`` of both stages. ``hinted``: our own base is told of lesions by its
    spatial condition too.
    """
    before, after, began, seconds = [], [], base.passes, 0.0
    for start in range(0, len(requests), batch):
        some = requests[start : start + batch]
        anatomy = torch.from_numpy(np.stack([r.masks.anatomy for r in some]))
        lesions = torch.from_numpy(np.stack([r.lesions for r in some]))
        seeds, prompts = [r.seed for r in some], [r.prompts for r in some]
        side, clock = anatomy.shape[-1] // 8, time.perf_counter()
        hints = lesion_hints(lesions, [r.findings for r in some], side) if hinted else None
        body = control_anatomy(base, rough, anatomy, side, seeds, preset)
        ill = control_pathology(base, body, lesions, prompts, seeds, preset, hints)
        seconds += time.perf_counter() - clock
        before.append(base.grey(body))  # without grain: only what a controller changed differs
        after.append(base.grey(ill))
    healthy, changed = np.concatenate(before), np.concatenate(after)
    inside, outside = change(healthy, changed, [np.asarray(r.lesions.any(0)) for r in requests])
    peaks = [lesion_peaks(judges[1], images, requests) for images in (changed, healthy)]
    figures = {
        "lung_dice": lung_dice(judges[0], healthy, requests),
        "lung_dice_lesions": lung_dice(judges[0], changed, requests),
        "inside": inside,
        "outside": outside,
        "ratio": inside / max(outside, 1e-9),
        "found": above(*peaks),
        "passes": (base.passes - began) / len(requests),
        "images_per_second": len(requests) / seconds,
    }
    return {k: round(float(v), 3) for k, v in figures.items()} | {"images": len(requests)}


def lung_dice(judge: EmbeddedAnatomy, images: np.ndarray, requests: Sequence[Request]) -> float:
    """Mean Dice of both lungs together, as the judge sees them, against the requests' masks."""
    scores = []
    for opinion, request in zip(judge.look(images), requests, strict=True):
        right, left = (opinion.mask(name) for name in ("right_lung", "left_lung"))
        if right is None or left is None:
            raise ValueError(f"judge: {judge.name} speaks of {judge.structures}, expected both lungs")
        scores.append(dice(right | left, request.masks.lungs))
    return float(np.mean(scores))


def lesion_peaks(judge: LiteExpert, images: np.ndarray, requests: Sequence[Request]) -> np.ndarray:
    """(N,) greatest value of each lesion's map inside its mask, where the judge has a map of its finding."""
    peaks = [
        opinion.lesions[name][mask].max()
        for opinion, request in zip(judge.look(images), requests, strict=True)
        for name, mask in zip(request.findings, request.lesions, strict=True)
        if name in opinion.lesions
    ]
    return np.array(peaks)


def change(before: np.ndarray, after: np.ndarray, masks: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean absolute change in grey levels inside (H, W) bool masks and outside, means over images."""
    moved = np.abs(before.astype(float) - after)
    inside = [float(d[m].mean()) for d, m in zip(moved, masks, strict=True)]
    outside = [float(d[~m].mean()) for d, m in zip(moved, masks, strict=True)]
    return float(np.mean(inside)), float(np.mean(outside))


def _request(case: Case, masks: MaskSet, names: list[str]) -> Request:
    rng = numpy_generator(SEED, case.key, "prompts")
    prompts = tuple(
        write_prompt([f for f in case.findings if f.name == name], case.who, rng) for name in names
    )
    lesions = masks.lesion_channels()[[FINDING_NAMES.index(n) for n in names]]
    return Request(masks, tuple(names), prompts, lesions, derive_seed(SEED, case.key, "request"))


def evaluate_control(out: Path, requests: int, three: int, device: str) -> None:
    """Measure each preset on ``requests`` with one lesion and on ``three`` with three lesions."""
    check_device(device)
    maker = Synthesizer.load(SynthesisSettings(device=device))
    assert isinstance(maker.imager, ImageModel), "the shipped one is ours"
    base, rough = FrozenDenoiser.of_model(maker.imager), RoughLatents.load().to(device)
    judges = load_lung_evaluator(), load_finding_evaluator()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "control.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for lesions, count in ((1, requests), (3, three)):
        asked = draw_requests(maker, lesions, count)
        for name, preset in (("ours", OURS), ("hinted", HINTED), ("paper", PAPER)):
            key = f"{name}, {lesions} lesions, {count} requests"
            if key not in found:
                found[key] = measure(base, rough, judges, asked, preset, hinted=name == "hinted")
                path.write_text(json.dumps(found, indent=1) + "\n")
            print(f"{key}: {found[key]}", flush=True)
