"""Train the finding expert: simulated lesions teach where, real labels teach whether."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from scipy.stats import rankdata
from torch import Tensor

from filters.embedding import TrainingIndex
from filters.experts import EmbeddedFindings
from filters.networks import FindingNetwork, finding_network
from flows.training.augment import draw_warp, vary_exposure
from flows.training.checkpoints import seal, write_config, write_tensors
from flows.training.loop import Schedule, fit
from flows.training.scenes import SIMULATED, Scenes, balanced, load_scenes
from synth.findings import FINDING_NAMES
from synth.lesions import DRAWN

SIZE, BATCH = 128, 24
COLUMNS = [FINDING_NAMES.index(n) for n in DRAWN]


def predict(network: FindingNetwork, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finding logits (N, 14) and lesion probabilities (N, 13, R, R) of (N, H, W) uint8."""
    logits, maps = [], []
    with torch.inference_mode():
        for batch in torch.from_numpy(images).split(32):
            x = F.interpolate(batch[:, None].float() / 127.5 - 1, size=(SIZE, SIZE), mode="area")
            lesions, findings = network(x)
            logits.append(findings)
            maps.append(lesions.sigmoid())
    return torch.cat(logits).numpy(), torch.cat(maps).numpy()


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve (Mann-Whitney U), ties counted half."""
    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return float("nan")
    ranks = rankdata(scores)
    u = ranks[truth].sum() - positive * (positive + 1) / 2
    return float(u / (positive * (len(truth) - positive)))


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, calibrate on the calibration part, measure on the test part and seal ``out/findings``."""
    nih, real, simulated = load_scenes(data, out, seed)
    train_part = nih.parts == "train"
    groups = list(balanced(nih, np.flatnonzero(train_part)))
    taught = np.flatnonzero(train_part[simulated.base])
    torch.manual_seed(seed)
    network = finding_network()
    schedule = Schedule(steps=int(1100 * scale), lr=1.5e-3, ema=0.997, weight_decay=2e-2)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        some = rng.choice(taught, BATCH // 2)
        seen = np.array([rng.choice(groups[i % 4]) for i in range(BATCH // 2)])
        x, y = _batch(((simulated, some), (real, seen)), rng)
        known = torch.from_numpy(np.concatenate([simulated.known[some], real.known[seen]])).to(device)
        lesions, findings = network(x.to(device) * 2 - 1)
        lesions, findings, y = lesions.float()[:, COLUMNS], findings.float(), y.to(device)[:, COLUMNS]
        where = _segmentation_loss(lesions[known], y[known])
        whether = F.binary_cross_entropy_with_logits(
            findings[: BATCH // 2, COLUMNS], (y[: BATCH // 2].sum((2, 3)) > 3).float()
        )
        normal = torch.from_numpy(nih.normal[seen]).to(device)
        opacity = F.binary_cross_entropy_with_logits(findings[BATCH // 2 :, -1], (~normal).float())
        quiet = F.binary_cross_entropy_with_logits(
            findings[BATCH // 2 :, COLUMNS][normal], torch.zeros_like(findings[BATCH // 2 :, COLUMNS][normal])
        )
        return where + whether + opacity + 0.5 * quiet

    fit(network, loss_of, schedule, out / "runs" / "findings", seed, device, resume)
    network.to("cpu")
    real_logits, _ = predict(network, real.images)
    sim_logits, _ = predict(network, simulated.images)
    held = ~train_part[simulated.base]
    truth = {n: np.asarray((simulated.lesions >> i & 1).any((1, 2))) for i, n in enumerate(FINDING_NAMES)}
    calibration = {n: _platt(sim_logits[held, FINDING_NAMES.index(n)], truth[n][held]) for n in DRAWN}
    some = nih.where("calibration")
    calibration["opacity"] = _platt(real_logits[some, -1], ~nih.normal[some])
    folder = out / "findings"
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    write_config(
        folder / "config.json", {"resolution": SIZE, "findings": list(DRAWN), "calibration": calibration}
    )
    test = nih.where("test")
    per_view = {
        v: auroc(real_logits[test, -1][nih.views[test] == v], ~nih.normal[test][nih.views[test] == v])
        for v in ("PA", "AP")
    }
    metrics = {
        "opacity AUROC on held-out patients, mean over views": round(
            float(np.mean(list(per_view.values()))), 3
        ),
        "opacity AUROC by view": {k: round(v, 3) for k, v in per_view.items()},
        "held-out images": len(test),
        "AUROC of simulated findings on calibration images": {
            n: round(auroc(sim_logits[held, FINDING_NAMES.index(n)], truth[n][held]), 3) for n in DRAWN
        },
    }
    arguments = (
        folder,
        "Finding expert: lesions and findings on frontal radiographs",
        ("nih", "rsna", "chestx_det"),
        "synthorax train findings --data DIR",
        {
            "seed": seed,
            "steps": schedule.steps,
            "batch": BATCH,
            "simulated scenes": SIMULATED,
            "device": device,
        },
        metrics,
        "Lesion maps and findings were taught by lesions simulated in real normal radiographs; "
        "`opacity` by NIH's labels, balanced over label and view.",
    )
    seal(*arguments)  # the index is made by the expert itself, which loads sealed folders only
    expert = EmbeddedFindings.load(folder)
    shown = np.flatnonzero(train_part)
    names = [nih.names[i] for i in shown]
    index = TrainingIndex.fit(expert.features(real.images[shown]), names, encoder=expert.digest)
    index.save(folder / "training_index.safetensors")
    seal(*arguments)
    return folder


def _batch(parts: tuple[tuple[Scenes, np.ndarray], ...], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Warped images (B, 1, SIZE, SIZE) in [0, 1] and lesion masks (B, 13, SIZE, SIZE)."""
    images = torch.from_numpy(np.concatenate([s.images[w] for s, w in parts]))[:, None].float() / 255
    lesions = torch.from_numpy(np.concatenate([s.masks(w)[1] for s, w in parts]))
    warp = draw_warp(rng, len(images), SIZE, degrees=8, scale=0.15, shift=0.05, elastic=0.01)
    flip = torch.from_numpy(rng.random(len(images)) < 0.3)  # opacity is opacity on either side
    warp.grid[flip, :, :, 0] *= -1
    images = F.avg_pool2d(images, 2)
    return vary_exposure(warp(images), rng, 0.8), warp(lesions)


def _segmentation_loss(logits: Tensor, y: Tensor) -> Tensor:
    p = logits.sigmoid()
    dice = 1 - (2 * (p * y).sum((2, 3)) + 1) / (p.sum((2, 3)) + y.sum((2, 3)) + 1)
    present = (y.sum((2, 3)) > 0).float()
    weighted = (dice * present).sum() / present.sum().clamp(min=1)
    return 4 * F.binary_cross_entropy_with_logits(logits, y) + 0.5 * weighted


def _platt(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Scale and bias of a calibrated sigmoid (Platt, 1999), scale kept positive."""

    def loss(p: np.ndarray) -> float:
        z = np.exp(p[0]) * logits + p[1]
        return float(np.mean(np.logaddexp(0, np.where(truth, -z, z)))) + 1e-3 * float(p[0] ** 2)

    best = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return {"scale": round(float(np.exp(best[0])), 4), "bias": round(float(best[1]), 4)}
