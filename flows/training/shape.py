"""Learn the shape model of ``synth.anatomy`` from 728 real sets of contours."""

import json
from pathlib import Path

import numpy as np
import torch

from filters.anatomy_agreement import dice
from flows.training.checkpoints import seal, write_tensors
from flows.training.data import load_lungs, require
from flows.training.organs import LungSeer
from synth.anatomy import (
    Contours,
    ShapeModel,
    cardiothoracic_ratio,
    extend_behind_heart,
    lung_box,
    rasterise,
    to_lung_frame,
)
from synth.findings import ANATOMY

LUNG_MODES, HEART_MODES, CLAVICLE_MODES, RIDGE = 16, 8, 8, 1e-3


def medial_gap(data: Path) -> tuple[float, float]:
    """Midline to the medial borders in the human masks that run behind the heart, per lung width."""
    _, masks, _ = load_lungs(data, 256)
    gaps = []
    for right, left in masks:
        _, y0, width, height = (v * 256 for v in lung_box(right | left))
        rows = (y0 + np.linspace(0.25, 0.7, 10) * height).astype(int)
        edges = [
            (np.flatnonzero(right[y])[-1], np.flatnonzero(left[y])[0])
            for y in rows
            if right[y].any() and left[y].any()
        ]
        middle = np.median(np.mean(edges, 1))
        r, m = np.mean(edges, 0)
        gaps.append(((middle - r) / width, (m - middle) / width))
    right_gap, left_gap = np.mean(gaps, 0)
    return float(right_gap), float(left_gap)


def load_contours(data: Path) -> list[Contours]:
    """All landmark cases in [0, 1] of the image, lungs extended behind the heart."""
    cases = json.loads(require(data / "landmarks" / "contours.json").read_text())
    gap = medial_gap(data)
    out = []
    for case in cases.values():
        contours = {k: np.asarray(v, float) / 1024 for k, v in case.items() if v}
        out.append(extend_behind_heart(contours, gap))
    return out


def fit_shape_model(cases: list[Contours]) -> ShapeModel:
    """PCA of lungs in their frame, regressions of heart and clavicles on them, normal poses."""
    framed = [to_lung_frame(case) for case in cases]
    lungs = np.stack([_flat(c, ANATOMY[:2]) for c, _ in framed])
    frames = np.stack([f for _, f in framed])
    mean, modes, codes = _principal(lungs, LUNG_MODES)
    pose = np.column_stack([frames[:, :2] + frames[:, 2:] / 2, np.log(frames[:, 2:])])
    inner = np.all(np.abs(pose - np.median(pose, 0)) < 2 * pose.std(0), 1)
    predictors = np.column_stack([np.ones(len(codes)), codes, pose[:, 2] - pose[:, 3]])
    has_heart = np.array(["heart" in c for c in cases])
    has_clavicles = np.array(["right_clavicle" in c for c in cases])
    hearts = np.stack([_flat(c, ANATOMY[2:3]) for c, _ in framed if "heart" in c])
    clavicles = np.stack([_flat(c, ANATOMY[3:]) for c, _ in framed if "right_clavicle" in c])
    heart_map = _ridge(predictors[has_heart], hearts)
    clavicle_map = _ridge(predictors[has_clavicles], clavicles)
    residual = hearts - predictors[has_heart] @ heart_map
    ratios = np.ptp(hearts[:, ::2], axis=1)
    normal = ratios[ratios < 0.5]
    centred = ratios - ratios.mean()
    return ShapeModel(
        lung_mean=mean,
        lung_modes=modes,
        pose_mean=pose[inner].mean(0),
        pose_modes=np.linalg.cholesky(np.cov(pose[inner].T)).T,
        heart_map=heart_map,
        heart_modes=_principal(residual, HEART_MODES)[1],
        heart_per_ratio=centred @ (hearts - hearts.mean(0)) / (centred @ centred),
        ratio=np.array([normal.mean(), normal.std()]),
        clavicle_map=clavicle_map,
        clavicle_modes=_principal(clavicles - predictors[has_clavicles] @ clavicle_map, CLAVICLE_MODES)[1],
    )


def evaluate(cases: list[Contours], folds: int = 5) -> dict[str, float]:
    """Cross-validated Dice of heart and clavicles regressed from the lungs' mask, and CTR error."""
    whole = [c for c in cases if "right_clavicle" in c]
    overlaps, errors = [], []
    for fold in range(folds):
        seer = LungSeer.fit([c for i, c in enumerate(whole) if i % folds != fold])
        for case in whole[fold::folds]:
            truth = rasterise(case, 128)
            guess = rasterise(case | seer.expect(truth[:2]), 128)
            overlaps.append([dice(a, b) for a, b in zip(truth[2:], guess[2:], strict=True)])
            errors.append(abs(cardiothoracic_ratio(truth) - cardiothoracic_ratio(guess)))
    heart, right, left = np.mean(overlaps, 0)
    names = ("heart_dice", "right_clavicle_dice", "left_clavicle_dice", "ctr_error")
    return {n: round(float(v), 3) for n, v in zip(names, (heart, right, left, np.mean(errors)), strict=True)}


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Fit the shape model and seal ``out/shape``; nothing random, nothing iterative."""
    cases = load_contours(data)
    model = fit_shape_model(cases)
    tensors = {k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in vars(model).items()}
    folder = out / "shape"
    write_tensors(folder / "model.safetensors", tensors)
    ratios = [cardiothoracic_ratio(model.masks(np.random.default_rng(i), 128)) for i in range(200)]
    big = [cardiothoracic_ratio(model.masks(np.random.default_rng(i), 128, "moderate")) for i in range(200)]
    seal(
        folder,
        "Shape model: lungs, heart and clavicles",
        ("landmarks", "lungs"),
        "synthorax train shape --data DIR",
        {
            "seed": "none: closed form",
            "cases": len(cases),
            "lung modes": LUNG_MODES,
            "medial gap": [round(g, 4) for g in medial_gap(data)],
        },
        {
            "heart and clavicles from lung masks alone, 5-fold": evaluate(cases),
            "sampled cardiothoracic ratio, normal": round(float(np.mean(ratios)), 3),
            "sampled cardiothoracic ratio, moderate cardiomegaly": round(float(np.mean(big)), 3),
        },
    )
    return folder


def _flat(contours: Contours, names: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([contours[n] for n in names]).ravel()


def _principal(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, modes scaled to one standard deviation, and each row's codes in those units."""
    mean = x.mean(0)
    _, scales, axes = np.linalg.svd(x - mean, full_matrices=False)
    modes = axes[:count] * (scales[:count, None] / np.sqrt(len(x)))
    codes = (x - mean) @ axes[:count].T / (scales[:count] / np.sqrt(len(x)))
    return mean, modes, codes


def _ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    penalty = RIDGE * len(x) * np.eye(x.shape[1])
    penalty[0, 0] = 0
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)
