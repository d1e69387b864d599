"""Train the mask generator on ChestX-Det's annotations, each laid on a fitting body."""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flows.evaluation.masks import mask_figures
from flows.training.checkpoints import seal, write_tensors
from flows.training.chestxdet import Annotation, load_annotations, load_bodies, polygon_mask
from flows.training.loop import Schedule, fit
from synth.anatomy import rasterise
from synth.cases import FindingRequest
from synth.findings import FINDING_NAMES, FINDINGS
from synth.lesion_sets import (
    BODY,
    GRID,
    SEVERITIES,
    SIDES,
    TOKEN,
    ZONES,
    LesionSetNetwork,
    OutlineCode,
    body_numbers,
    side_of,
    zone_of,
)
from synth.masks import MaskGenerator

BATCH, SIZE = 96, 96

#: Instances kept of an image; images of up to FEW are run apart from the rest, so as to pad less.
MOST, FEW = 24, 4


def instance_rows(annotation: Annotation) -> list[tuple[int, int, int, np.ndarray]]:
    """(finding, side, zone, polygon) of each instance whose centre lies in the lung frame."""
    rows = []
    for instance in annotation.instances:
        low, high = instance.polygon.min(0), instance.polygon.max(0)
        x, y = (low + high) / 2
        if instance.finding == "cardiomegaly" or not (-0.1 < x < 1.1 and -0.1 < y < 1.1):
            continue
        rows.append((FINDING_NAMES.index(instance.finding), side_of(x), zone_of(y), instance.polygon))
    return rows


def box_of(polygon: np.ndarray) -> np.ndarray:
    """(4,) centre x, centre y, log width, log height."""
    low, high = polygon.min(0), polygon.max(0)
    return np.concatenate([(low + high) / 2, np.log(np.maximum(high - low, 4e-3))])


def box_mask(polygon: np.ndarray) -> np.ndarray:
    """(GRID, GRID) bool: the polygon in its own box."""
    low, high = polygon.min(0), polygon.max(0)
    return polygon_mask((polygon - low) / np.maximum(high - low, 1e-6), GRID)


def severities(rows: list[list], areas: list[list[float]]) -> list[list[int]]:
    """Per instance, the tercile of its finding's whole area in that image among real images."""
    totals: list[dict[int, float]] = []
    for image, sizes in zip(rows, areas, strict=True):
        total: dict[int, float] = {}
        for (finding, *_), area in zip(image, sizes, strict=True):
            total[finding] = total.get(finding, 0) + area
        totals.append(total)
    cuts = {
        f: np.quantile([t[f] for t in totals if f in t] or [0.0], (1 / 3, 2 / 3))
        for f in range(len(FINDING_NAMES))
    }
    return [
        [int(np.searchsorted(cuts[f], total[f])) for f, *_ in image]
        for image, total in zip(rows, totals, strict=True)
    ]


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on seven tenths of the annotated images, measure on the rest, seal ``out/masks``."""
    bodies = load_bodies(data)
    annotations = load_annotations(data, bodies)
    rows = [instance_rows(a)[:MOST] for a in annotations]
    used = [i for i, r in enumerate(rows) if r and annotations[i].part == "train"]
    rows = [rows[i] for i in used]
    numbers = np.stack([body_numbers(rasterise(b, SIZE)) for b in bodies])
    body = np.stack([numbers[annotations[i].body] for i in used]).astype(np.float32)
    areas = [[polygon_mask(p, SIZE).sum() / SIZE**2 for *_, p in r] for r in rows]
    grade = severities(rows, areas)
    flat = [row for image in rows for row in image]
    outlines = OutlineCode.fit([box_mask(p) for *_, p in flat])
    boxes = _box_moments(flat)
    tokens = np.zeros((len(rows), MOST, TOKEN), np.float32)
    kinds = np.zeros((len(rows), MOST, 4), np.int64)
    absent = np.ones((len(rows), MOST), bool)
    for i, image in enumerate(rows):
        for j, (finding, side, zone, polygon) in enumerate(image):
            mean, deviation = boxes[finding, side]
            tokens[i, j, :4] = (box_of(polygon) - mean) / deviation
            tokens[i, j, 4:] = outlines.encode(box_mask(polygon))
            kinds[i, j] = finding, side, zone, grade[i][j]
            absent[i, j] = False

    counts = (~absent).sum(1)
    torch.manual_seed(seed)
    network = LesionSetNetwork()
    schedule = Schedule(steps=int(4000 * scale), lr=1.5e-3, ema=0.998, bf16=False)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = rng.integers(0, len(rows), BATCH)
        x = torch.from_numpy(
            tokens[which] + 0.03 * rng.standard_normal(tokens[which].shape).astype(np.float32)
        )
        kind = torch.from_numpy(kinds[which].copy())
        kind[..., 3][torch.from_numpy(rng.random(kind.shape[:2]) < 0.3)] = SEVERITIES.index(None)
        gone = torch.from_numpy(absent[which])
        noise = torch.from_numpy(rng.standard_normal(x.shape).astype(np.float32))
        t = torch.from_numpy(rng.random(BATCH).astype(np.float32))
        mixed = (1 - t)[:, None, None] * x + t[:, None, None] * noise
        jitter = torch.from_numpy(0.1 * rng.standard_normal((BATCH, BODY)).astype(np.float32))
        body_now, total = torch.from_numpy(body[which]) + jitter, torch.zeros((), device=device)
        few = torch.from_numpy(counts[which] <= FEW)
        for some, width in ((few, FEW), (~few, MOST)):
            if some.any():
                part = [v[some][:, :width] for v in (mixed, kind, gone, noise - x)]
                mixed_now, kind_now, gone_now, target = (v.to(device) for v in part)
                guess = network(mixed_now, t[some].to(device), kind_now, body_now[some].to(device), gone_now)
                error = F.mse_loss(guess, target, reduction="none").mean(2)
                total = total + error[~gone_now].sum()
        return total / (~gone).sum()

    fit(network, loss_of, schedule, out / "runs" / "masks", seed, device, resume)
    network.to("cpu")
    layouts = _layouts(rows)
    folder = out / "masks"
    write_tensors(
        folder / "model.safetensors",
        {f"net.{k}": v for k, v in network.state_dict().items()}
        | {
            "outline.mean": torch.from_numpy(outlines.mean.astype(np.float32)),
            "outline.modes": torch.from_numpy(outlines.modes.astype(np.float32)),
            "boxes": torch.from_numpy(boxes.astype(np.float32)),
        },
        half=True,
    )
    (folder / "layouts.json").write_text(json.dumps(layouts, sort_keys=True) + "\n")
    about = {
        "seed": seed,
        "steps": schedule.steps,
        "batch": BATCH,
        "annotations": len(rows),
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
    figures = {
        "1,000 sampled requests": evaluate(generator, bodies, seed),
        "against annotations held out": mask_figures(generator, data, max(20, int(2000 * scale)), seed),
    }
    seal(*arguments, figures)
    return folder


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


def _box_moments(rows: list) -> np.ndarray:
    out = np.zeros((len(FINDING_NAMES), len(SIDES), 2, 4))
    for finding in range(len(FINDING_NAMES)):
        for side in range(len(SIDES)):
            boxes = [box_of(p) for f, s, _, p in rows if f == finding and s == side]
            if len(boxes) > 3:
                out[finding, side] = np.mean(boxes, 0), np.std(boxes, 0)
            else:
                out[finding, side] = (0.5, 0.5, -1, -1), (1, 1, 1, 1)
    return out


def _layouts(rows: list) -> dict[str, list[str]]:
    """Per finding the layouts of real images, each as often as it occurs, e.g. ``02 12``."""
    found: dict[str, list[str]] = {n: [] for n in FINDING_NAMES if n != "cardiomegaly"}
    for image in rows:
        for finding in {f for f, *_ in image}:
            cells = sorted(f"{side}{zone}" for f, side, zone, _ in image if f == finding)
            found[FINDING_NAMES[finding]].append(" ".join(cells))
    return {name: sorted(texts) for name, texts in found.items()}
