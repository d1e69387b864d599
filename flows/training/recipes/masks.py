"""Train the mask generator on ChestX-Det's annotations, each laid on a fitting body."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flows.figures.masks import mask_figures
from flows.material.chestxdet import load_annotations, load_bodies
from flows.material.places import ZONELESS, box_zone
from flows.training.lesion_tokens import MOST, VIEWS, LesionTokens, Row, fit_codes, instance_rows, severities
from flows.training.loop import Schedule, fit
from flows.training.sealing import seal, write_tensors
from synth.cases import FindingRequest
from synth.findings import FINDING_NAMES, FINDINGS
from synth.masks.anatomy import rasterise
from synth.masks.generator import Layout, MaskGenerator
from synth.masks.lesion_sets import SIDES, ZONES, LesionSetNetwork, body_numbers, side_of, zone_of

BATCH, SIZE = 96, 96

#: Images of up to FEW instances are run apart from the rest, so as to pad less.
FEW = 4

#: Deviation of the noise on tokens and on the body's numbers.
TOKEN_NOISE, BODY_NOISE = 0.1, 0.3


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on seven tenths of the annotated images, measure on the rest, seal ``out/masks``."""
    bodies = load_bodies(data)
    annotations = [(instance_rows(a), a) for a in load_annotations(data, bodies)]
    annotations = [(rows, a) for rows, a in annotations if rows]
    numbers = np.stack([body_numbers(rasterise(b, SIZE)) for b in bodies])

    def part(training: bool) -> tuple[list[list[Row]], np.ndarray]:
        chosen = [(rows, numbers[a.body]) for rows, a in annotations if (a.part == "train") == training]
        return [rows for rows, _ in chosen], np.stack([body for _, body in chosen])

    images, body = part(True)
    grades, codes = severities(images), fit_codes(images)
    rng = np.random.default_rng(seed)
    lessons = LesionTokens.of(images, grades, body, codes, VIEWS, rng)
    torch.manual_seed(seed)
    network = LesionSetNetwork()
    schedule = Schedule(steps=int(5000 * scale), lr=1.5e-3, ema=0.998, bf16=False)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        return velocity_error(network, lessons, BATCH, rng, device)

    fit(network, loss_of, schedule, out / "runs" / "masks", seed, device, resume)
    network.to("cpu")
    boxes, outlines = codes
    folder = out / "masks"
    write_tensors(
        folder / "model.safetensors",
        {f"net.{k}": v for k, v in network.state_dict().items()}
        | {
            "outline.mean": torch.from_numpy(outlines.mean.astype(np.float32)),
            "outline.modes": torch.from_numpy(outlines.modes.astype(np.float32)),
            "boxes": torch.from_numpy(boxes.knots.astype(np.float32)),
        },
        half=True,
    )
    (folder / "layouts.json").write_text(json.dumps(_layouts(images, grades), sort_keys=True) + "\n")
    about = {
        "seed": seed,
        "steps": schedule.steps,
        "batch": BATCH,
        "annotations": len(images),
        "device": device,
    }
    arguments = (
        folder,
        "Mask generator: lesion sets for prompted findings on a given body",
        ("chestx_det", "landmarks", "lungs"),
        "synthorax train masks --data DIR",
        about,
    )
    seal(*arguments, {})
    generator = MaskGenerator.load(folder)
    others, their_body = part(False)
    unseen = LesionTokens.of(others, severities(others), their_body, codes, 1, rng)
    figures = {
        "velocity error": {
            name: _error_without_noise(network, tokens, seed)
            for name, tokens in (("trained on", lessons), ("held out", unseen))
        },
        "1,000 sampled requests": evaluate(generator, bodies, seed),
        "against annotations held out": mask_figures(generator, data, max(20, int(2000 * scale)), seed),
    }
    seal(*arguments, figures)
    return folder


def velocity_error(
    network: LesionSetNetwork,
    lessons: LesionTokens,
    batch: int,
    rng: np.random.Generator,
    device: str,
    noisy: bool = True,
) -> Tensor:
    """Mean squared error of the velocity over a random batch of images in random views (flow matching)."""
    views, count = lessons.tokens.shape[:2]
    which = torch.from_numpy(rng.integers(0, count, batch))
    view = torch.from_numpy(rng.integers(0, views, batch))

    def normal(like: Tensor, deviation: float) -> Tensor:
        return torch.from_numpy(deviation * rng.standard_normal(like.shape).astype(np.float32))

    x, body = lessons.tokens[view, which], lessons.body[view, which]
    if noisy:
        x, body = x + normal(x, TOKEN_NOISE), body + normal(body, BODY_NOISE)
    kinds, absent = lessons.kinds[view, which], lessons.absent[which]
    noise = normal(x, 1)
    t = torch.from_numpy(rng.random(batch).astype(np.float32))
    mixed = (1 - t)[:, None, None] * x + t[:, None, None] * noise
    few, total = (~absent).sum(1) <= FEW, torch.zeros((), device=device)
    for some, width in ((few, FEW), (~few, MOST)):
        if some.any():
            parts = [v[some][:, :width] for v in (mixed, kinds, absent, noise - x)]
            mixed_now, kinds_now, absent_now, target = (v.to(device) for v in parts)
            guess = network(mixed_now, t[some].to(device), kinds_now, body[some].to(device), absent_now)
            total = total + (guess - target).square().mean(2)[~absent_now].sum()
    return total / (~absent).sum()


@torch.inference_mode()
def _error_without_noise(network: LesionSetNetwork, lessons: LesionTokens, seed: int) -> float:
    """The error on real lesions as they are, network in evaluation mode."""
    first = LesionTokens(lessons.tokens[:1], lessons.kinds[:1], lessons.body[:1], lessons.absent)
    rng = np.random.default_rng(seed)
    return round(float(velocity_error(network.eval(), first, 4000, rng, "cpu", noisy=False)), 3)


def evaluate(generator: MaskGenerator, bodies: list, seed: int, count: int = 1000) -> dict[str, float]:
    """Prompted side and zone kept (share of requests), lesions inside the lungs (share of area)."""
    rng = np.random.default_rng(seed)
    names = [n for n, f in FINDINGS.items() if f.lateral]
    sides, zones, inside, empty = [], [], [], 0
    for _ in range(count):
        side, zone = SIDES[rng.integers(2)], ZONES[rng.integers(3)]
        request = FindingRequest(names[rng.integers(len(names))], side, zone)
        anatomy = rasterise(bodies[rng.integers(len(bodies))], 128)
        masks = generator.sample([request], anatomy, rng)
        union = masks.lesion_channels().any(0)
        if not union.any():
            empty += 1
            sides.append(False)
            zones.append(False)
            continue
        lungs = masks.lungs
        xs, ys = np.flatnonzero(lungs.any(0)), np.flatnonzero(lungs.any(1))
        y, x = (np.mean(v) for v in np.nonzero(union))
        sides.append(side_of((x - xs[0]) / np.ptp(xs)) == SIDES.index(side))
        zones.append(zone_of((y - ys[0]) / np.ptp(ys)) == ZONES.index(zone))
        inside.append((union & lungs).sum() / union.sum())
    values = {
        "side_right": np.mean(sides),
        "zone_right": np.mean(zones),
        "area_inside_lungs": np.mean(inside),
    }
    return {k: round(float(v), 4) for k, v in values.items()} | {"empty": empty}


def _layouts(images: Sequence[Sequence[Row]], grades: Sequence[dict[int, int]]) -> dict[str, list[str]]:
    """Per finding the layouts of real images, each as often as it occurs, e.g. ``mild lower 02 12``."""
    found: dict[str, list[str]] = {n: [] for n in FINDING_NAMES if n != "cardiomegaly"}
    for rows, grade in zip(images, grades, strict=True):
        for finding, severity in grade.items():
            cells = sorted((side, zone) for f, side, zone, _ in rows if f == finding)
            name = FINDING_NAMES[finding]
            corners = [(*p.min(0), *p.max(0)) for f, *_, p in rows if f == finding]
            zone = None if name in ZONELESS else box_zone(corners)
            found[name].append(str(Layout(severity, zone and ZONES.index(zone), tuple(cells))))
    return {name: sorted(texts) for name, texts in found.items()}
