"""Train the lungs' evaluator, on human masks alone: a second opinion beside the anatomy expert."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filters.anatomy_agreement import dice
from filters.evaluators import ANATOMY_EVALUATOR
from filters.networks import lung_evaluator_network
from flows.training.anatomy import clean_lungs, predict
from flows.training.augment import blobs, draw_warp, vary_exposure
from flows.training.checkpoints import seal, write_config, write_tensors
from flows.training.data import load_lungs, part_of
from flows.training.loop import Schedule, console, fit
from synth.findings import ANATOMY

SIZE, BATCH = 128, 12
#: Added to the seed, so that nothing is shared with the expert trained with the same one.
OWN_SEED = 7_000


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on human masks, measure on held-out ones and seal ``out/evaluator_anatomy``."""
    images, lungs, names = load_lungs(data, 256)
    held = np.array([part_of(n) != "train" for n in names])
    torch.manual_seed(seed + OWN_SEED)
    network = lung_evaluator_network()
    schedule = Schedule(steps=int(900 * scale), lr=2e-3, ema=0.995, weight_decay=1e-2, save_every=50)
    loss = _loss(network, images[~held], lungs[~held], device)
    fit(network, loss, schedule, out / "runs" / ANATOMY_EVALUATOR, seed + OWN_SEED, device, resume)
    network.to("cpu")
    metrics = evaluate(network, images[held], lungs[held])
    console.print(f"{ANATOMY_EVALUATOR}: held-out human masks", metrics)
    folder = out / ANATOMY_EVALUATOR
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    write_config(folder / "config.json", {"resolution": SIZE, "structures": list(ANATOMY[:2])})
    seal(
        folder,
        "Lung evaluator: an independent opinion of where the lungs are",
        ("lungs",),
        "synthorax train evaluator_anatomy --data DIR",
        {
            "seed": seed + OWN_SEED,
            "steps": schedule.steps,
            "batch": BATCH,
            "human masks": int((~held).sum()),
            "device": device,
        },
        {"held-out human masks": metrics},
        "A feature pyramid on a RegNetY, taught by human masks alone. It neither trains nor filters; "
        "it measures (`python -m flows.evaluate`).",
    )
    return folder


def evaluate(network: nn.Module, images: np.ndarray, lungs: np.ndarray) -> dict[str, float]:
    """Dice of both lungs together and of each, largest part of each at 0.5; means over images."""
    guess = np.stack([clean_lungs(p) for p in predict(network.eval(), images, SIZE)])
    both = [dice(g.any(0), m.any(0)) for g, m in zip(guess, lungs, strict=True)]
    each = [[dice(g[k], m[k]) for k in range(2)] for g, m in zip(guess, lungs, strict=True)]
    right, left = np.mean(each, 0)
    values = {"lung_dice": np.mean(both), "right": right, "left": left, "worst": np.min(both)}
    return {k: round(float(v), 4) for k, v in values.items()} | {"images": len(images)}


def _loss(
    network: nn.Module, images: np.ndarray, masks: np.ndarray, device: str
) -> Callable[[int, np.random.Generator], Tensor]:
    """Cross-entropy and soft Dice (Milletari et al., 2016) on warped images of varied exposure."""

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = rng.integers(0, len(images), BATCH)
        warp = draw_warp(rng, BATCH, SIZE, degrees=14, scale=0.3, shift=0.09, elastic=0.018)
        x = warp(torch.from_numpy(images[which])[:, None].float() / 255)
        y = warp(torch.from_numpy(masks[which])).to(device)
        x = vary_exposure(blobs(x, rng), rng, 1.2)
        logits = network(x.to(device) * 2 - 1).float()
        p = logits.sigmoid()
        overlap = (2 * (p * y).sum((2, 3)) + 1) / (p.sum((2, 3)) + y.sum((2, 3)) + 1)
        return F.binary_cross_entropy_with_logits(logits, y) + 1 - overlap.mean()

    return loss_of
