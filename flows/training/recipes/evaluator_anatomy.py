"""Train the lungs' evaluator, on human masks alone: a second opinion beside the anatomy expert."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from filters.experts.evaluators import ANATOMY_EVALUATOR
from filters.experts.networks import regnet_lung_network
from flows.material.real import load_lungs, part_of
from flows.material.trained import clean_lungs
from flows.training.loop import Schedule, console, fit
from flows.training.recipes.anatomy import SIZE, lung_figures, mask_loss, predict
from flows.training.sealing import seal, write_config, write_tensors
from synth.findings import ANATOMY

BATCH = 12
#: Stronger than the expert's, for want of images.
WARP = {"degrees": 14.0, "scale": 0.3, "shift": 0.09, "elastic": 0.018}
#: Added to the seed, so that nothing is shared with the expert trained with the same one.
OWN_SEED = 7_000


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on human masks, measure on held-out ones and seal ``out/evaluator_anatomy``."""
    return teach_lungs(
        ANATOMY_EVALUATOR,
        regnet_lung_network,
        "Lung evaluator: an independent opinion of where the lungs are",
        "A feature pyramid on a RegNetY, taught by human masks alone. It neither trains nor filters; "
        "it measures (`synthorax evaluate models`).",
        (data, out, seed + OWN_SEED, device, resume, scale),
    )


def teach_lungs(
    name: str,
    build: Callable[[], nn.Module],
    title: str,
    notes: str,
    options: tuple[Path, Path, int, str, bool, float],
) -> Path:
    """Train a network of both lungs on human masks and seal ``out/name``; ``options`` as in :func:`train`."""
    data, out, seed, device, resume, scale = options
    images, lungs, names = load_lungs(data, 256)
    held = np.array([part_of(n) != "train" for n in names])
    torch.manual_seed(seed)
    network = build()
    schedule = Schedule(steps=int(900 * scale), lr=2e-3, ema=0.995, weight_decay=1e-2, save_every=50)
    loss = mask_loss(network, images[~held], lungs[~held], BATCH, device, **WARP)
    fit(network, loss, schedule, out / "runs" / name, seed, device, resume)
    network.to("cpu")
    guess = np.stack([clean_lungs(p) for p in predict(network.eval(), images[held])])
    metrics = lung_figures(guess, lungs[held])
    console.print(f"{name}: held-out human masks", metrics)
    folder = out / name
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    write_config(folder / "config.json", {"resolution": SIZE, "structures": list(ANATOMY[:2])})
    about = {
        "seed": seed,
        "steps": schedule.steps,
        "batch": BATCH,
        "human masks": int((~held).sum()),
        "device": device,
    }
    command, figures = f"synthorax train {name} --data DIR", {"held-out human masks": metrics}
    seal(folder, title, ("lungs",), command, about, figures, notes)
    return folder
