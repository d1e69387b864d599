"""Train the attributes' evaluator: sex, view and age of real radiographs, markers removed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from filters.evaluators import ATTRIBUTE_EVALUATOR, AttributeEvaluator, load_lung_evaluator
from filters.networks import AttributeNetwork
from flows.training.augment import draw_warp, vary_exposure
from flows.training.checkpoints import locate, seal, write_config, write_tensors
from flows.training.data import Radiographs, load_nih
from flows.training.evaluator_anatomy import OWN_SEED
from flows.training.lesion_learning import auroc
from flows.training.loop import Schedule, console, fit
from synth.anatomy import ADULT
from synth.radiographs import remove_markers, to_uint8

SIZE, BATCH = 128, 24


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on NIH's training part, measure on the other two and seal ``out/evaluator_attributes``."""
    nih = load_nih(data)
    images = without_markers(nih.images, locate(out, "evaluator_anatomy"))
    taught, held = nih.where("train"), np.flatnonzero(nih.parts != "train")
    ages = float(nih.ages[taught].mean()), float(nih.ages[taught].std())
    torch.manual_seed(seed + OWN_SEED)
    network = AttributeNetwork()
    schedule = Schedule(steps=int(1200 * scale), lr=1.5e-3, ema=0.997, weight_decay=5e-2, save_every=50)
    loss = _loss(network, images, nih, taught, ages, device)
    fit(network, loss, schedule, out / "runs" / ATTRIBUTE_EVALUATOR, seed + OWN_SEED, device, resume)
    network.to("cpu")
    metrics = evaluate(AttributeEvaluator(network, SIZE, ages), images[held], nih, held, ages[0])
    console.print(f"{ATTRIBUTE_EVALUATOR}: held out", metrics)
    folder = out / ATTRIBUTE_EVALUATOR
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    config = {"resolution": SIZE, "age_mean": round(ages[0], 3), "age_deviation": round(ages[1], 3)}
    write_config(folder / "config.json", config)
    seal(
        folder,
        "Attribute evaluator: sex, view and age of frontal radiographs",
        ("nih",),
        "synthorax train evaluator_attributes --data DIR",
        {
            "seed": seed + OWN_SEED,
            "steps": schedule.steps,
            "batch": BATCH,
            "images": len(taught),
            "device": device,
        },
        {"held-out patients": metrics},
        "A RegNetY with one linear layer. It neither trains nor filters; it measures "
        "(`python -m flows.evaluate`). Not for use on people.",
    )
    return folder


def evaluate(
    evaluator: AttributeEvaluator, images: np.ndarray, nih: Radiographs, which: np.ndarray, mean_age: float
) -> dict[str, float | int]:
    """AUROC of sex and view, mean absolute error of age in years and that of always saying ``mean_age``,
    and how age correlates with what is said, in all and in adults.
    """
    seen, ages = evaluator.look(images), nih.ages[which]
    adult = ages >= ADULT
    values = {
        "sex_auroc": auroc(seen.female, nih.sexes[which] == "F"),
        "view_auroc": auroc(seen.pa, nih.views[which] == "PA"),
        "age_error": float(np.abs(seen.age - ages).mean()),
        "age_error_of_the_mean": float(np.abs(mean_age - ages).mean()),
        "age_correlation": float(np.corrcoef(seen.age, ages)[0, 1]),
        "age_correlation_of_adults": float(np.corrcoef(seen.age[adult], ages[adult])[0, 1]),
    }
    return {k: round(v, 3) for k, v in values.items()} | {"images": len(which)}


def without_markers(images: np.ndarray, folder: Path | None = None) -> np.ndarray:
    """(N, S, S) uint8: burned-in letters gone, so that none tells the view; lungs by the evaluator."""
    opinions = load_lung_evaluator(folder).look(images)
    out = []
    for image, opinion in zip(images, opinions, strict=True):
        right, left = opinion.mask("right_lung"), opinion.mask("left_lung")
        assert right is not None, "the evaluator speaks of lungs"
        assert left is not None, "the evaluator speaks of lungs"
        out.append(to_uint8(remove_markers(image / np.float32(255), right | left)))
    return np.stack(out)


def _loss(
    network: AttributeNetwork,
    images: np.ndarray,
    nih: Radiographs,
    taught: np.ndarray,
    ages: tuple[float, float],
    device: str,
) -> Callable[[int, np.random.Generator], Tensor]:
    """Cross-entropy of sex and view and a smooth error of age; batches balanced over sex and view."""
    groups = [
        taught[(nih.sexes[taught] == s) & (nih.views[taught] == v)] for s in ("F", "M") for v in ("PA", "AP")
    ]

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = np.array([rng.choice(groups[i % 4]) for i in range(BATCH)])
        warp = draw_warp(rng, BATCH, SIZE, degrees=8, scale=0.12, shift=0.05, elastic=0.008)
        warp.grid[torch.from_numpy(rng.random(BATCH) < 0.5), :, :, 0] *= -1
        x = F.avg_pool2d(torch.from_numpy(images[which])[:, None].float() / 255, 2)
        x = vary_exposure(warp(x), rng, 0.9)
        said = network(x.to(device) * 2 - 1).float()
        two = np.stack([nih.sexes[which] == "F", nih.views[which] == "PA"], 1)
        years = torch.from_numpy((nih.ages[which] - ages[0]) / ages[1]).float().to(device)
        kinds = F.binary_cross_entropy_with_logits(said[:, :2], torch.from_numpy(two).float().to(device))
        return 2 * kinds + F.smooth_l1_loss(said[:, 2], years)

    return loss_of
