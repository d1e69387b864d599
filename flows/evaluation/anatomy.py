"""Whether lungs lie where the masks asked for them."""

import numpy as np

from filters.anatomy_agreement import dice
from filters.experts.embedded import EmbeddedAnatomy
from filters.experts.evaluators import load_lung_evaluator
from flows.evaluation.generated import Sample


def lung_agreement(sample: Sample) -> dict[str, dict[str, float] | int]:
    """Dice of both lungs together against the requested masks, by the evaluator and by the expert.

    The expert's masks trained the image model; the evaluator knows human masks alone.
    """
    figures = {
        "evaluator": summary(lung_dice(load_lung_evaluator(), sample)),
        "expert": summary(lung_dice(EmbeddedAnatomy.load(), sample)),
    }
    return {"images": len(sample.images), **figures}


def lung_dice(seer: EmbeddedAnatomy, sample: Sample) -> np.ndarray:
    """(N,) Dice of both lungs together."""
    values = []
    for opinion, asked in zip(seer.look(sample.images), sample.masks, strict=True):
        right, left = opinion.mask("right_lung"), opinion.mask("left_lung")
        if right is None or left is None:
            raise ValueError(f"{seer.name}: no lungs, expected both")
        values.append(dice(right | left, asked.lungs))
    return np.array(values)


def summary(values: np.ndarray) -> dict[str, float]:
    """Mean, 5th percentile and least."""
    figures = {
        "lung_dice": values.mean(),
        "5th_percentile": np.percentile(values, 5),
        "worst": values.min(),
    }
    return {k: round(float(v), 4) for k, v in figures.items()}
