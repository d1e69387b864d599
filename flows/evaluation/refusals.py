"""Thresholds from real cases: below which probability a share of what radiologists boxed would fall."""

from typing import Any

import numpy as np

from flows.evaluation.experts import MAPS, Said
from flows.material.real import RealFilms


def least(said: Said, films: RealFilms, share: float) -> dict[str, dict[str, Any]]:
    """By finding (and opacity): the probability under which ``share`` of the boxed films' lie, how many films
    that rests on, how many then are refused, and the share of films without any label that reach it."""
    out: dict[str, dict[str, Any]] = {}
    plain = np.array([not labels for labels in films.labels])
    for name in dict.fromkeys(MAPS.values()):
        boxed = films.boxed(*(label for label, kind in MAPS.items() if kind == name))
        if name not in said.probabilities or not boxed.any():
            continue
        scores = said.probabilities[name]
        limit = float(np.quantile(scores[boxed], share, method="lower"))
        out[name] = {
            "least": round(limit, 4),
            "boxed": int(boxed.sum()),
            "refused": round(float((scores[boxed] < limit).mean()), 3),
            "normal films that pass": round(float((scores[plain] >= limit).mean()), 3),
        }
    return out
