"""Fit the attributes' evaluator: sex, view and age of real radiographs, markers removed."""

from pathlib import Path

import numpy as np
import torch

from filters.experts.embedded import WEIGHTS
from filters.experts.evaluators import (
    ANATOMY_EVALUATOR,
    ATTRIBUTE_EVALUATOR,
    FINDING_EVALUATOR,
    AttributeEvaluator,
    FeatureExtractor,
    load_lung_evaluator,
)
from flows.figures.ranking import auroc
from flows.material.films import SHOWN, RealFilms, load_real
from flows.material.real import Radiographs
from flows.material.trained import locate, unmarked
from flows.training.augment import draw_warp, vary_exposure
from flows.training.loop import console
from flows.training.recipes.evaluator_anatomy import OWN_SEED
from flows.training.sealing import seal, write_config, write_tensors
from synth.findings import ANATOMY
from synth.masks.anatomy import ADULT

#: Views of each training image: as it is, mirrored, and two warped ones of each.
WARPED = 2
#: Strengths of the penalty that are tried, and parts of the patients that judge them in turn.
PENALTIES, FOLDS = np.logspace(-2, 3, 16), 5


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Fit to films of "evaluators", measure on those of "test" and seal ``out/evaluator_attributes``.

    It reads the features of the evaluators of lungs and findings. ``device``, ``resume`` and ``scale``
    change nothing: the fit is of closed form and takes minutes.
    """
    nih = load_real(data, "nih", SHOWN)
    extractor = FeatureExtractor.load(locate(out, ANATOMY_EVALUATOR), locate(out, FINDING_EVALUATOR))
    images = without_markers(nih.images, locate(out, ANATOMY_EVALUATOR))
    taught, held = nih.where("evaluators"), nih.where("test")
    rng = np.random.default_rng(seed + OWN_SEED)
    views = [v for some in (images[taught], images[taught, :, ::-1]) for v in augmented(some, rng)]
    features = extractor.features(np.concatenate(views))
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    asked = [nih.sexes[taught] == "F", nih.views[taught] == "PA", nih.ages[taught]]
    weights, bias, penalties = ridge(
        (features - mean) / deviation,
        np.tile(np.stack(asked, 1).astype(float), (len(views), 1)),
        np.tile(folds(nih.patients[taught], rng), len(views)),
    )
    numbers = {"mean": mean, "scale": deviation, "weights": weights, "bias": bias}
    readout = {k: torch.from_numpy(v).float() for k, v in numbers.items()}
    evaluator = AttributeEvaluator(readout, extractor)
    metrics = evaluate(evaluator, images[held], nih, held, float(nih.ages[taught].mean()))
    console.print(f"{ATTRIBUTE_EVALUATOR}: held out", metrics)
    folder = out / ATTRIBUTE_EVALUATOR
    write_tensors(folder / WEIGHTS, readout)
    write_config(folder / "config.json", {"encoders": extractor.digests})
    kinds = zip(("sex", "view", "age"), penalties, strict=True)
    seal(
        folder,
        "Attribute evaluator: sex, view and age of frontal radiographs",
        ("nih",),
        "synthorax train evaluator_attributes --data DIR",
        {
            "seed": seed + OWN_SEED,
            "images": len(taught),
            "views of each": len(views),
            "penalties": {kind: round(float(p), 3) for kind, p in kinds},
        },
        {"held-out patients": metrics},
        "Ridge regression on what the evaluators of lungs and findings see. It neither trains nor filters; "
        "it measures (`synthorax evaluate models`). Not for use on people.",
    )
    return folder


def augmented(images: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """(N, S, S) uint8 as they are, and WARPED times otherwise placed and exposed."""
    out, size = [images], images.shape[-1]
    for _ in range(WARPED):
        x = torch.from_numpy(np.ascontiguousarray(images))[:, None].float() / 255
        warp = draw_warp(rng, len(x), size, degrees=4, scale=0.06, shift=0.03, elastic=0.004)
        out.append((vary_exposure(warp(x), rng, 0.5) * 255).round().byte().numpy()[:, 0])
    return out


def folds(patients: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) in 0 to FOLDS - 1, the same for all images of a patient."""
    who, which = np.unique(patients, return_inverse=True)
    return rng.integers(0, FOLDS, len(who))[which]


def ridge(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (F, T), bias (T,) and penalties (T,) of ridge regression (Hoerl & Kennard, 1970).

    ``x`` (N, F) are centred; of each column of ``y`` (N, T) the penalty is the one that predicts it best
    in the rows of the ``fold`` (N,) that was left out.
    """
    size = x.shape[1]
    gram = x @ x.T / size
    centre = y.mean(0)
    error = np.zeros((len(PENALTIES), y.shape[1]))
    for k in range(FOLDS):
        rest = fold != k
        values, vectors = np.linalg.eigh(gram[np.ix_(rest, rest)])
        turned = vectors.T @ (y[rest] - y[rest].mean(0))
        towards = gram[np.ix_(~rest, rest)] @ vectors
        for i, penalty in enumerate(PENALTIES):
            said = towards @ (turned / (values + penalty)[:, None]) + y[rest].mean(0)
            error[i] += ((said - y[~rest]) ** 2).sum(0)
    penalties = PENALTIES[error.argmin(0)]
    values, vectors = np.linalg.eigh(gram)
    turned = vectors.T @ (y - centre)
    dual = vectors @ (turned / (values[:, None] + penalties))
    return x.T @ dual / size, centre, penalties


def evaluate(
    evaluator: AttributeEvaluator,
    images: np.ndarray,
    nih: RealFilms | Radiographs,
    which: np.ndarray,
    mean_age: float,
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
    return unmarked(images, np.stack([[o.mask(n) for n in ANATOMY[:2]] for o in opinions]))
