"""Whether the findings' evaluator finds what was asked for, where it was asked for.

The evaluator never trained or filtered anything; images are those of :mod:`flows.evaluation.controls`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from filters.experts.lite import LiteExpert
from filters.experts.opinion import Opinion
from flows.evaluation.controls import SEED, Pairs, lesion_area
from flows.evaluation.generated import ImageStore
from flows.figures.ranking import auroc
from synth.cases import Case, MaskSet
from synth.findings import FINDINGS

#: What normal images of the pairs' bodies are prompted with.
NOTHING = "No acute cardiopulmonary abnormality."


def draw_normals(store: ImageStore, count: int) -> np.ndarray:
    """(count, S, S) uint8: the pairs' bodies and noise, and more of the same kind, without a finding."""
    cases = [Case(f"{i:09d}", SEED, NOTHING) for i in range(count)]
    masks = [store.maker.masks(case) for case in cases]
    return store.images(cases, masks, "pairs without a finding")


def found(evaluator: LiteExpert, pairs: Pairs, normals: Sequence[Opinion]) -> dict[str, float | int]:
    """AUROC of one finding, twice.

    ``present``: its probability in images asked for it against ``normals``. ``placed``: the peak of its
    map within a requested mask against the peak there when the lesion was asked for elsewhere; of
    cardiomegaly, its probability with an enlarged heart against that with a normal one.
    """
    name = pairs.finding
    one, two = evaluator.look(pairs.one), evaluator.look(pairs.two)
    asked = [*one, *two] if FINDINGS[name].lateral else one
    positives, negatives = probabilities(asked, name), probabilities(normals, name)
    return {
        "asked": len(positives),
        "normals": len(negatives),
        "present": round(above(positives, negatives), 3),
        "placed": round(_placed(pairs, one, two), 3),
    }


def above(positives: np.ndarray, negatives: np.ndarray) -> float:
    """AUROC of two sets of scores."""
    truth = np.repeat([True, False], [len(positives), len(negatives)])
    return auroc(np.concatenate([positives, negatives]), truth)


def probabilities(opinions: Sequence[Opinion], name: str) -> np.ndarray:
    """(N,) of one finding."""
    return np.array([o.probabilities[name] for o in opinions])


def _placed(pairs: Pairs, one: Sequence[Opinion], two: Sequence[Opinion]) -> float:
    name = pairs.finding
    if not FINDINGS[name].lateral:
        return above(probabilities(one, name), probabilities(two, name))
    here = _peaks(one, pairs.first, name) + _peaks(two, pairs.second, name)
    elsewhere = _peaks(two, pairs.first, name) + _peaks(one, pairs.second, name)
    return above(np.array(here), np.array(elsewhere))


def _peaks(opinions: Sequence[Opinion], masks: Sequence[MaskSet], name: str) -> list[float]:
    """The greatest value of the finding's map inside each lesion mask."""
    areas = [lesion_area(m) for m in masks]
    return [float(o.lesions[name][a].max()) for o, a in zip(opinions, areas, strict=True) if a.any()]


def summed_up(by_finding: dict[str, dict[str, float | int]]) -> dict[str, Any]:
    """Means over findings, and each finding's figures."""
    means = {k: round(float(np.mean([f[k] for f in by_finding.values()])), 3) for k in ("present", "placed")}
    return {"findings": len(by_finding), **means, "by_finding": by_finding}
