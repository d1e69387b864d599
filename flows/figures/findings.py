"""What experts are worth on real films: whether they tell a finding, where they see it, whether they mean it.

Every figure is of films that the expert never learned from, with how many films it rests on and what drawing
the patients anew would give instead (95 of 100 times).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from filters.experts.opinion import Expert, Opinion
from flows.figures.ranking import auroc
from flows.figures.reliability import calibrated_would_show, plug_in, reliability
from flows.material.films import RSNA_BOX, RealFilms
from synth.findings import OPACITIES
from synth.prompts.label_names import NIH

#: NIH's label of each finding that has one of just its meaning; consolidation by this label alone.
LABELS: Final = {name: labels[0] for name, labels in NIH.items()}
#: The findings whose mean the bar is set on.
HEADLINE: Final = (
    "atelectasis", "cardiomegaly", "effusion", "mass", "nodule", "pneumothorax", "emphysema", "consolidation",
)  # fmt: skip
#: The map that is asked for each kind of box.
MAPS: Final = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Effusion": "effusion",
    "Infiltration": "consolidation",
    "Mass": "mass",
    "Nodule": "nodule",
    "Pneumonia": "consolidation",
    "Pneumothorax": "pneumothorax",
    RSNA_BOX: "opacity",
}
AGES: Final = ((0, 40), (40, 60), (60, 200))
#: Times that patients are drawn anew.
DRAWS: Final = 400


@dataclass(frozen=True)
class Answers:
    """An expert's of N films: ``probabilities`` of each finding (N,), NaN where it does not speak of it;
    ``points`` of each map (N, 2), x and y in [0, 1] of its maximum."""

    probabilities: dict[str, np.ndarray]
    points: dict[str, np.ndarray]


def answers_of(expert: Expert, images: np.ndarray, batch: int = 64) -> Answers:
    """Ask an expert about images (N, H, W) uint8, without keeping its maps."""
    rows: list[tuple[dict[str, float], dict[str, tuple[float, float]]]] = []
    for start in range(0, len(images), batch):
        for opinion in expert.look(images[start : start + batch]):
            maps = {**opinion.lesions, "opacity": opacity_map(opinion)}
            rows.append((opinion.probabilities, {k: _peak(m) for k, m in maps.items() if m is not None}))
    spoken = dict.fromkeys(k for answers, _ in rows for k in answers)
    seen = dict.fromkeys(k for _, points in rows for k in points)
    nowhere = (float("nan"), float("nan"))
    return Answers(
        {k: np.array([answers.get(k, np.nan) for answers, _ in rows]) for k in spoken},
        {k: np.array([points.get(k, nowhere) for _, points in rows]) for k in seen},
    )


def opacity_map(opinion: Opinion) -> np.ndarray | None:
    """(H, W) where any opacity is seen: the expert's own map, else the greatest of its opacities' maps."""
    if "opacity" in opinion.lesions:
        return opinion.lesions["opacity"]
    maps = [opinion.lesions[n] for n in OPACITIES if n in opinion.lesions]
    return np.max(maps, 0) if maps else None


def _peak(seen: np.ndarray) -> tuple[float, float]:
    y, x = np.unravel_index(int(seen.argmax()), seen.shape)
    return (float(x) + 0.5) / seen.shape[1], (float(y) + 0.5) / seen.shape[0]


def bootstrap(
    patients: np.ndarray, figure: Callable[[np.ndarray], float], draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """Where 95 of 100 lie when patients are drawn anew: ``figure`` of indices into (N,) ``patients``."""
    rng = np.random.default_rng(seed)
    names, owner = np.unique(patients, return_inverse=True)
    films = np.split(np.argsort(owner, kind="stable"), np.cumsum(np.bincount(owner))[:-1])
    values = []
    for _ in range(draws):
        index = np.concatenate([films[k] for k in rng.integers(len(names), size=len(names))])
        values.append(figure(index))
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def ranking(scores: np.ndarray, truth: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """AUROC of scores (N,) for truth (N,) bool, NaN scores left out, its interval and both counts."""
    heard = ~np.isnan(scores)
    s, t, p = scores[heard], truth[heard], patients[heard]
    low, high = bootstrap(p, lambda i: auroc(s[i], t[i]))
    value = auroc(s, t)
    return {
        "auroc": round(value, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "with": int(t.sum()),
        "without": int((~t).sum()),
    }


def findings_table(answers: Answers, films: RealFilms) -> dict[str, Any]:
    """Each finding's label against all other films and against those without any; by view, sex and age; and
    the mean over HEADLINE with its interval."""
    rows: dict[str, Any] = {}
    plain = np.array([not labels for labels in films.labels])
    for name, label in LABELS.items():
        if name not in answers.probabilities:
            continue
        scores, truth = answers.probabilities[name], films.labelled(label)
        some = truth | plain
        rows[name] = {
            "rest": ranking(scores, truth, films.patients),
            "none": ranking(scores[some], truth[some], films.patients[some]),
        } | {
            group: {k: round(auroc(scores[m], truth[m]), 3) for k, m in masks.items()}
            for group, masks in groups(films).items()
        }
    asked = [n for n in HEADLINE if n in rows]
    truths = {n: films.labelled(LABELS[n]) for n in asked}

    def mean(index: np.ndarray) -> float:
        return float(np.mean([auroc(answers.probabilities[n][index], truths[n][index]) for n in asked]))

    if asked:
        low, high = bootstrap(films.patients, mean)
        rows["mean"] = {
            "of": asked,
            "auroc": round(mean(np.arange(len(films))), 3),
            "low": round(low, 3),
            "high": round(high, 3),
        }
    return rows


def groups(films: RealFilms) -> dict[str, dict[str, np.ndarray]]:
    """Films (N,) bool by view, sex and age."""
    return {
        "view": {v: films.views == v for v in ("PA", "AP")},
        "sex": {s: films.sexes == s for s in ("F", "M")},
        "age": {
            f"{a} to {b}" if b < 200 else f"{a} and more": (films.ages >= a) & (films.ages < b)
            for a, b in AGES
        },
    }


def opacity_table(answers: Answers, films: RealFilms) -> dict[str, Any]:
    """RSNA's opacities against normal films and against all else that was graded, and calibration."""
    scores, graded = answers.probabilities["opacity"], films.grades != ""
    truth, extreme = films.grades == "opacity", np.isin(films.grades, ("opacity", "normal"))
    return {
        "normal": ranking(scores[extreme], truth[extreme], films.patients[extreme]),
        "all else": ranking(scores[graded], truth[graded], films.patients[graded]),
        "calibration": calibration_error(scores[graded], truth[graded]),
    }


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Expected calibration error (Naeini et al., 2015), and the 95th percentile of a calibrated model's."""
    shown = calibrated_would_show(probabilities)
    curve = reliability(probabilities, truth)
    error = plug_in(curve)
    return {
        "error": round(error, 4),
        "calibrated at most": round(float(np.percentile(shown, 95)), 4),
        "mean answers": round(float(probabilities.mean()), 4),
        "rate": round(float(truth.mean()), 4),
        "curve": {name: values.round(4).tolist() for name, values in vars(curve).items()},
    }


def pointing_table(answers: Answers, films: RealFilms, lungs: np.ndarray | None = None) -> dict[str, Any]:
    """Pointing game (Zhang et al., 2018): how often a map's maximum lies in a radiologist's box of its kind.

    ``chance`` is the boxes' share of the film and, with ``lungs`` (N, H, W) bool, of the lungs.
    """
    rows: dict[str, Any] = {}
    for label, name in MAPS.items():
        some = np.flatnonzero(films.boxed(label))
        if name not in answers.points or not len(some):
            continue
        hits = np.array([inside(answers.points[name][i], films.boxes[i], label) for i in some], float)
        low, high = bootstrap(films.patients[some], partial(_mean_of, hits))
        areas = [covered(films.boxes[i], label, 256) for i in some]
        rows[label] = {
            "map": name,
            "inside": round(float(hits.mean()), 3),
            "low": round(low, 3),
            "high": round(high, 3),
            "films": len(some),
            "chance of film": round(float(np.mean([a.mean() for a in areas])), 3),
        }
        if lungs is not None:
            shares = [
                (covered(films.boxes[i], label, lungs.shape[-1]) & lungs[i]).sum() / max(1, lungs[i].sum())
                for i in some
            ]
            rows[label]["chance of lungs"] = round(float(np.mean(shares)), 3)
    return rows


def _mean_of(values: np.ndarray, index: np.ndarray) -> float:
    return float(values[index].mean())


def inside(point: Sequence[float] | np.ndarray, boxes: Sequence[Any], label: str) -> bool:
    """Whether a point lies in any of a film's boxes of one kind."""
    x, y = point
    return any(n == label and x0 <= x <= x1 and y0 <= y <= y1 for n, x0, y0, x1, y1 in boxes)


def covered(boxes: Sequence[Any], label: str, side: int) -> np.ndarray:
    """(side, side) bool: inside any box of one kind."""
    centres = (np.arange(side) + 0.5) / side
    out = np.zeros((side, side), bool)
    for name, x0, y0, x1, y1 in boxes:
        if name == label:
            out |= np.outer((centres >= y0) & (centres <= y1), (centres >= x0) & (centres <= x1))
    return out
