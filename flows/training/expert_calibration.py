"""An expert as it ships: calibrated on real films that it never learned from, and told what it can tell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import logit

from filters.experts.ensemble import Ensemble
from filters.experts.lite import LiteExpert
from filters.experts.lite_networks import LiteFindings
from filters.experts.opinion import Expert
from flows.figures.findings import (
    LABELS,
    MAPS,
    answers_of,
    covered,
    findings_table,
    opacity_table,
    pointing_table,
)
from flows.figures.ranking import auroc
from flows.figures.reliability import platt
from flows.material.films import RealFilms
from flows.training.labels import AIRSPACE
from flows.training.sealing import write_config, write_tensors

#: Least AUROC, against all other films, of a finding that an expert is trusted with.
TRUSTED: Final = 0.7
#: Cells a side that maps are calibrated on, and how many of them at most.
SIDE, CELLS = 64, 60_000


def write_expert(
    folder: Path, network: LiteFindings, config: dict[str, Any], films: RealFilms
) -> dict[str, Any]:
    """Weights and config of an expert calibrated on ``films``; returns what it is worth on those films.

    ``config`` has its network and resolution. Probabilities mean how likely the label is (of opacity: RSNA's
    grade) among films as these; maps how likely a cell is boxed where a box was drawn.
    """
    findings = tuple(LABELS)
    expert = LiteExpert(network, config["resolution"], findings)
    said = answers_of(expert, films.images)
    scores = {name: _logit(p) for name, p in said.probabilities.items()}
    told = {name: films.labelled(LABELS[name]) for name in findings}
    calibration = {name: platt(scores[name], told[name]) for name in findings}
    graded = films.grades != ""
    calibration["opacity"] = platt(scores["opacity"][graded], films.grades[graded] == "opacity")
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    trusted = [n for n in findings if tells(n, scores[n], films)]
    fitted = {"findings": findings, "trusted": trusted, "calibration": calibration}
    write_config(folder / "config.json", config | fitted | {"map_calibration": maps_mean(expert, films)})
    table = findings_table(said, films)
    return {
        "on films it was calibrated on": len(films),
        "mean AUROC": table["mean"],
        "AUROC against the rest": {n: table[n]["rest"] for n in findings},
        "RSNA opacity": {k: v for k, v in opacity_table(said, films).items() if k != "calibration"},
        "maximum inside the box": pointing_table(said, films),
    }


def calibrate_together(experts: Sequence[Expert], films: RealFilms) -> dict[str, Any]:
    """Of an Ensemble of experts, fitted to ``films``, of which none learned: ``calibration``, Platt's scale
    and bias of each finding's mean logit, and ``trusted``, the findings that they could tell there."""
    said = answers_of(Ensemble(experts), films.images)
    told = {n: p for n, p in said.probabilities.items() if n in LABELS}
    graded = films.grades != ""
    opacity = platt(_logit(said.probabilities["opacity"][graded]), films.grades[graded] == "opacity")
    return {
        "calibration": {n: platt(_logit(p), films.labelled(LABELS[n])) for n, p in told.items()}
        | {"opacity": opacity},
        "trusted": [n for n, p in told.items() if tells(n, p, films)],
    }


def tells(finding: str, scores: np.ndarray, films: RealFilms) -> bool:
    """Whether ``scores`` (N,) tell films labelled with the finding from all others well enough to decide.

    Of a consolidation films with other words for airspace disease are left out: which one a report has is no
    more than a word, and the finding means all of them.
    """
    truth = films.labelled(LABELS[finding])
    some = truth | ~films.labelled(*AIRSPACE) if LABELS[finding] in AIRSPACE else np.ones(len(films), bool)
    return auroc(scores[some], truth[some]) >= TRUSTED


def maps_mean(expert: LiteExpert, films: RealFilms, batch: int = 32) -> dict[str, dict[str, float]]:
    """Platt's scale and bias of each boxed map's logit: whether a cell lies inside, where a box was drawn."""
    cells: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}
    chosen = np.flatnonzero(films.boxed(*MAPS))
    for start in range(0, len(chosen), batch):
        some = chosen[start : start + batch]
        for i, opinion in zip(some, expert.look(films.images[some]), strict=True):
            for label in {b[0] for b in films.boxes[i]}:
                seen = opinion.lesions[MAPS[label]]
                step = max(1, seen.shape[0] // SIDE)
                some_cells = seen[step // 2 :: step, step // 2 :: step]
                said, boxed = cells.setdefault(MAPS[label], ([], []))
                said.append(_logit(some_cells).ravel())
                boxed.append(covered(films.boxes[i], label, len(some_cells)).ravel())
    rng, out = np.random.default_rng(0), {}
    for name, parts in sorted(cells.items()):
        scores, truth = (np.concatenate(p) for p in parts)
        some = rng.permutation(len(scores))[:CELLS]
        out[name] = platt(scores[some], truth[some])
    return out


def _logit(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(logit(np.clip(probabilities.astype(float), 1e-6, 1 - 1e-6)))
