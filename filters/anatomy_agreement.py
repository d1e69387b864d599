"""Are the lungs where the anatomy mask says? The expert's masks against the requested ones."""

import numpy as np

from filters.filter import Calibration, Evidence, Filter
from filters.verdicts import Score
from synth.findings import ANATOMY

#: The structures whose worse Dice is the score; others that the expert knows stand in the detail.
SCORED = ("right_lung", "left_lung")
#: Findings under which a lung's border cannot be seen (fluid, airless lung, air outside the lung):
#: their pixels are left out of both masks, for there the expert's word is not about anatomy.
HIDING = frozenset(("atelectasis", "consolidation", "effusion", "mass", "pleural_thickening", "pneumothorax"))
#: A structure of which less than this share stays in sight is judged whole.
LEAST_IN_SIGHT = 0.25


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """2|A ∩ B| / (|A| + |B|) of two boolean masks, in [0, 1]; two empty ones agree (Dice, 1945)."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def score(evidence: Evidence) -> Score:
    """Dice in [0, 1] of the worse lung: where the expert says p > 0.5, against the request.

    Pixels of requested lesions that hide a lung's border (:data:`HIDING`) are left out, and so is
    what lies behind the requested heart: annotators differ on whether a lung goes on there.
    Detail: ``dice`` of every structure that the expert knows and the case holds, and ``hidden``,
    the share of the lungs left out. With no lung requested or none known, the score is NaN.
    """
    masks, opinion = evidence.candidate.masks, evidence.heard
    hidden = masks.anatomy[ANATOMY.index("heart")].copy()
    for lesion in masks.lesions:
        if lesion.finding in HIDING:
            hidden |= lesion.mask
    agreement = {}
    for name, requested in zip(ANATOMY, masks.anatomy, strict=True):
        seen = opinion.mask(name)
        if seen is not None and requested.any():
            agreement[name] = _dice_in_sight(seen, requested, hidden)
    lungs = {name: agreement[name] for name in SCORED if name in agreement}
    worst = min(lungs, key=lungs.__getitem__, default="")
    detail = {
        "dice": {name: round(value, 4) for name, value in agreement.items()},
        "hidden": round(float(hidden[masks.lungs].mean()), 4) if masks.lungs.any() else 0.0,
    }
    value = lungs.get(worst, float("nan"))
    return Score(value, f"{worst.replace('_', ' ')} is not where it was requested", detail)


def _dice_in_sight(seen: np.ndarray, requested: np.ndarray, hidden: np.ndarray) -> float:
    in_sight = ~hidden
    if (requested & in_sight).sum() < LEAST_IN_SIGHT * requested.sum():
        return dice(seen, requested)
    return dice(seen & in_sight, requested & in_sight)


FILTER = Filter(
    name="anatomy_agreement",
    question="the lungs are where the anatomy mask says",
    unit="Dice of the worse lung, 0 to 1",
    asks="anatomy",
    score=score,
    cost=5,
    calibration=Calibration(10.0, "lungs", "held-out radiographs with human lung masks"),
)
