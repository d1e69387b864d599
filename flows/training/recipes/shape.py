"""Learn the shape model of ``synth.masks.anatomy``: shapes from 728 real sets of contours, and from normal
radiographs who has which."""

from pathlib import Path

import numpy as np
import torch

from filters.anatomy_agreement import dice
from flows.material.organs import LungSeer, with_organs
from flows.material.real import load_contours, load_nih, medial_gap
from flows.material.scenes import demographics_of
from flows.material.trained import expert_anatomy
from flows.training.sealing import seal, write_tensors
from synth.demographics import Demographics
from synth.findings import ANATOMY
from synth.masks.anatomy import (
    Contours,
    ShapeModel,
    cardiothoracic_ratio,
    lung_box,
    rasterise,
    regressors,
    to_lung_frame,
)

LUNG_MODES, HEART_MODES, CLAVICLE_MODES, RIDGE = 16, 8, 8, 1e-3
#: Standard deviations beyond which a body is left out: a failed mask, a film that is cut off.
OUTLYING = 3.0


def fit_shape_model(cases: list[Contours], lungs: np.ndarray, people: list[Demographics]) -> ShapeModel:
    """PCA of the cases' lungs in their frame, regressions of heart and clavicles on them; from ``lungs``
    (N, 2, H, W) bool of ``people``, who has which lungs and where in the film.
    """
    framed = [to_lung_frame(case) for case in cases]
    mean, modes, codes = _principal(np.stack([_flat(c, ANATOMY[:2]) for c, _ in framed]), LUNG_MODES)
    body_map, body_modes = fit_bodies(cases, codes, lungs, people)
    aspect = np.array([np.log(frame[2] / frame[3]) for _, frame in framed])
    predictors = np.column_stack([np.ones(len(codes)), codes, aspect])
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
        body_map=body_map,
        body_modes=body_modes,
        heart_map=heart_map,
        heart_modes=_principal(residual, HEART_MODES)[1],
        heart_per_ratio=centred @ (hearts - hearts.mean(0)) / (centred @ centred),
        ratio=np.array([normal.mean(), normal.std()]),
        clavicle_map=clavicle_map,
        clavicle_modes=_principal(clavicles - predictors[has_clavicles] @ clavicle_map, CLAVICLE_MODES)[1],
    )


def fit_bodies(
    cases: list[Contours], codes: np.ndarray, lungs: np.ndarray, people: list[Demographics]
) -> tuple[np.ndarray, np.ndarray]:
    """``body_map`` and ``body_modes`` of a :class:`~synth.masks.anatomy.ShapeModel`.

    ``codes`` (M, K) are the cases' coefficients. Masks have no corresponding points: their coefficients
    are regressed from their pixels, as learned on the cases, and what that leaves open is added back.
    """
    seer = LungSeer.fit(cases)
    known = np.stack([seer.code(rasterise(with_organs(c), 256)[:2]) for c in cases])
    to_codes = _ridge(known, codes)
    seen = np.stack([seer.code(m) for m in lungs]) @ to_codes
    bodies = np.column_stack([seen, poses(lungs)])
    told = np.stack([regressors(who) for who in people])
    rest = bodies - told @ _ridge(told, bodies)
    usual = (np.abs(rest) < OUTLYING * rest.std(0)).all(1)
    body_map = _ridge(told[usual], bodies[usual])
    spread = np.cov((bodies - told @ body_map)[usual].T)
    spread[: codes.shape[1], : codes.shape[1]] += np.cov((codes - known @ to_codes).T)
    return body_map, np.linalg.cholesky(spread).T


def poses(lungs: np.ndarray) -> np.ndarray:
    """(N, 4) of (N, 2, H, W) bool lungs: their box's centre x, y, log width, log height."""
    boxes = np.array([lung_box(m.any(0)) for m in lungs])
    return np.column_stack([boxes[:, :2] + boxes[:, 2:] / 2, np.log(boxes[:, 2:])])


def explained(model: ShapeModel, lungs: np.ndarray, people: list[Demographics]) -> dict[str, float]:
    """Share of each pose's variance over (N, 2, H, W) lungs that their people's age, sex and view tell."""
    real = poses(lungs)
    told = np.stack([regressors(who) for who in people]) @ model.body_map[:, -4:]
    share = 1 - ((real - told) ** 2).mean(0) / real.var(0)
    return {n: round(float(v), 3) for n, v in zip(("x", "y", "width", "height"), share, strict=True)}


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
    """Fit the shape model and seal ``out/shape``; nothing random, nothing iterative.

    The normal radiographs' lungs are the anatomy expert's masks, which the image model learns from too.
    """
    cases, nih = load_contours(data), load_nih(data)
    normal = np.flatnonzero(nih.normal)
    lungs = expert_anatomy(out, nih.images[normal])[:, :2]
    people = [demographics_of(nih, int(i)) for i in normal]
    whole, learned = np.all(np.any(lungs, (2, 3)), 1), nih.parts[normal] == "train"
    taught, held = np.flatnonzero(whole & learned), np.flatnonzero(whole & ~learned)
    model = fit_shape_model(cases, lungs[taught], [people[i] for i in taught])
    tensors = {k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in vars(model).items()}
    folder = out / "shape"
    write_tensors(folder / "model.safetensors", tensors)
    ratios = [cardiothoracic_ratio(model.masks(np.random.default_rng(i), 128)) for i in range(200)]
    big = [cardiothoracic_ratio(model.masks(np.random.default_rng(i), 128, "moderate")) for i in range(200)]
    seal(
        folder,
        "Shape model: lungs, heart and clavicles",
        ("landmarks", "lungs", "nih"),
        "synthorax train shape --data DIR",
        {
            "seed": "none: closed form",
            "cases": len(cases),
            "normal radiographs of known age, sex and view": len(taught),
            "lung modes": LUNG_MODES,
            "medial gap": [round(g, 4) for g in medial_gap(data)],
        },
        {
            "heart and clavicles from lung masks alone, 5-fold": evaluate(cases),
            f"explained by age, sex and view, {len(held)} held-out normal radiographs": explained(
                model, lungs[held], [people[i] for i in held]
            ),
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
