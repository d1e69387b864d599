"""Train the anatomy expert: human lung masks first, then its own masks of the NIH radiographs too."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filters.anatomy_agreement import dice
from filters.experts.embedded import EmbeddedAnatomy
from filters.experts.embedding import INDEX, TrainingIndex
from filters.experts.networks import anatomy_network
from flows.material.organs import LungSeer
from flows.material.real import Radiographs, load_contours, load_lungs, load_nih, part_of
from flows.material.trained import SIZE, clean_lungs, expert_anatomy, predict, unmarked
from flows.training.augment import blobs, draw_warp, vary_exposure
from flows.training.loop import Schedule, console, fit
from flows.training.sealing import pin, seal, write_config, write_tensors
from synth.findings import ANATOMY
from synth.masks.anatomy import rasterise

BATCH = 16


def organ_masks(seer: LungSeer, image: np.ndarray, lungs: np.ndarray, seed: int) -> np.ndarray:
    """(5, H, W) bool: given lungs, with heart and clavicles found in the image ((H, W) uint8)."""
    organs = seer.search(image / 255.0, lungs, np.random.default_rng(seed))
    none = np.zeros((3, 2))
    masks = rasterise({"right_lung": none, "left_lung": none} | organs, image.shape[-1])
    masks[:2] = lungs
    return masks


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train in two rounds, evaluate on held-out human masks and seal ``out/anatomy``."""
    seer = LungSeer.fit(load_contours(data))
    images, lungs, names = load_lungs(data, 256)
    masks = np.stack([organ_masks(seer, i, m, seed) for i, m in zip(images, lungs, strict=True)])
    held = np.array([part_of(n) != "train" for n in names])
    torch.manual_seed(seed)
    network = anatomy_network(len(ANATOMY))
    first = Schedule(steps=int(700 * scale), lr=2e-3, ema=0.995)
    run = out / "runs"
    loss = mask_loss(network, images[~held], masks[~held], BATCH, device)
    fit(network, loss, first, run / "anatomy-human", seed, device, resume)
    console.print("anatomy: held out after round one", evaluate(network, images[held], lungs[held]))

    nih = load_nih(data)
    some = nih.where("train")
    guess = [clean_lungs(p) for p in predict(network, nih.images[some])]
    good = [i for i, m in enumerate(guess) if _plausible(m)]
    pseudo = np.stack([organ_masks(seer, nih.images[some[i]], guess[i], seed) for i in good])
    second = Schedule(steps=int(900 * scale), lr=1e-3, ema=0.997)
    human = mask_loss(network, images[~held], masks[~held], BATCH // 2, device)
    own = mask_loss(network, nih.images[some[good]], pseudo, BATCH // 2, device)
    fit(
        network,
        lambda step, rng: human(step, rng) + own(step, rng),
        second,
        run / "anatomy-both",
        seed + 1,
        device,
        resume,
    )
    network.to("cpu")
    folder = out / "anatomy"
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    write_config(folder / "config.json", {"resolution": SIZE, "structures": list(ANATOMY)})
    seal(
        folder,
        "Anatomy expert: lungs, heart and clavicles on frontal radiographs",
        ("lungs", "landmarks", "nih"),
        "synthorax train anatomy --data DIR",
        {
            "seed": seed,
            "steps": [first.steps, second.steps],
            "batch": BATCH,
            "human masks": int((~held).sum()),
            "own masks": len(good),
            "device": device,
        },
        {"held-out human masks": evaluate(network, images[held], lungs[held])},
        "Lungs run behind the heart. Hearts and clavicles were taught by a regression from real "
        "contours whose modes were moved to the edges in each image: no human drew them. "
        f"`{INDEX}` holds the training part of NIH as the encoder sees it: by it duplicates and copies "
        "are found.",
    )
    add_index(folder, nih)
    return folder


def add_index(folder: Path, nih: Radiographs) -> None:
    """Add to the sealed folder ``…/anatomy`` the index of the training part, as its expert sees it."""
    expert, shown = EmbeddedAnatomy.load(folder), nih.where("train")
    images = nih.images[shown]
    features = expert.features(unmarked(images, expert_anatomy(folder.parent, images)))
    names = [nih.names[i] for i in shown]
    TrainingIndex.fit(features, names, encoder=expert.digest).save(folder / INDEX)
    pin(folder)


def evaluate(network: nn.Module, images: np.ndarray, lungs: np.ndarray) -> dict[str, float]:
    """Figures of lungs at 0.5."""
    return lung_figures(predict(network.eval(), images)[:, :2] > 0.5, lungs)


def lung_figures(guess: np.ndarray, lungs: np.ndarray) -> dict[str, float]:
    """Dice of both lungs together and of each, mean over images, and the worst: (N, 2, H, W) bool each."""
    both = [dice(g.any(0), m.any(0)) for g, m in zip(guess, lungs, strict=True)]
    each = [[dice(g[k], m[k]) for k in range(2)] for g, m in zip(guess, lungs, strict=True)]
    right, left = np.mean(each, 0)
    values = {"lung_dice": np.mean(both), "right": right, "left": left, "worst": np.min(both)}
    return {k: round(float(v), 4) for k, v in values.items()} | {"images": len(guess)}


def mask_loss(
    network: nn.Module, images: np.ndarray, masks: np.ndarray, batch: int, device: str, **warp: float
) -> Callable[[int, np.random.Generator], Tensor]:
    """Cross-entropy and soft Dice (Milletari et al., 2016) on warped images of varied exposure.

    ``warp`` overrides how strongly :func:`draw_warp` moves them.
    """
    strength = {"degrees": 12.0, "scale": 0.25, "shift": 0.08, "elastic": 0.015} | warp

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = rng.integers(0, len(images), batch)
        move = draw_warp(rng, batch, SIZE, **strength)
        x = move(torch.from_numpy(images[which])[:, None].float() / 255)
        y = move(torch.from_numpy(masks[which])).to(device)
        x = vary_exposure(blobs(x, rng), rng, 1.2)
        logits = network(x.to(device) * 2 - 1).float()
        p = logits.sigmoid()
        overlap = 2 * (p * y).sum((2, 3)) + 1
        missed = 1 - overlap / (p.sum((2, 3)) + y.sum((2, 3)) + 1)
        return F.binary_cross_entropy_with_logits(logits, y) + missed.mean()

    return loss_of


def _plausible(lungs: np.ndarray) -> bool:
    areas = lungs.mean((1, 2))
    return bool(areas.min() > 0.04 and areas.max() < 0.35 and areas.max() / areas.min() < 2.5)
