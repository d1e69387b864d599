"""Train the lungs' evaluator, on human masks alone: a second opinion beside the anatomy expert."""

from pathlib import Path

import numpy as np
import torch

from filters.evaluators import ANATOMY_EVALUATOR
from filters.networks import lung_evaluator_network
from flows.training.anatomy import SIZE, clean_lungs, lung_figures, mask_loss, predict
from flows.training.checkpoints import seal, write_config, write_tensors
from flows.training.data import load_lungs, part_of
from flows.training.loop import Schedule, console, fit
from synth.findings import ANATOMY

BATCH = 12
#: Stronger than the expert's, for want of images.
WARP = {"degrees": 14.0, "scale": 0.3, "shift": 0.09, "elastic": 0.018}
#: Added to the seed, so that nothing is shared with the expert trained with the same one.
OWN_SEED = 7_000


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on human masks, measure on held-out ones and seal ``out/evaluator_anatomy``."""
    images, lungs, names = load_lungs(data, 256)
    held = np.array([part_of(n) != "train" for n in names])
    torch.manual_seed(seed + OWN_SEED)
    network = lung_evaluator_network()
    schedule = Schedule(steps=int(900 * scale), lr=2e-3, ema=0.995, weight_decay=1e-2, save_every=50)
    loss = mask_loss(network, images[~held], lungs[~held], BATCH, device, **WARP)
    fit(network, loss, schedule, out / "runs" / ANATOMY_EVALUATOR, seed + OWN_SEED, device, resume)
    network.to("cpu")
    guess = np.stack([clean_lungs(p) for p in predict(network.eval(), images[held])])
    metrics = lung_figures(guess, lungs[held])
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
