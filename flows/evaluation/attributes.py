"""Whether sex, age and view of the prompt can be read off the image again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from filters.experts.evaluators import AttributeEvaluator, Attributes
from flows.evaluation.generated import ImageStore
from flows.figures.ranking import auroc
from synth.cases import Case
from synth.prompts.phrases import write_prompt
from synth.prompts.sampler import PromptSampler

DRAWS = 1000

#: Seed of the pairs of patients who differ in age, whose keys are 000000000 and on; their ages in years.
SEED, YOUNG, OLD = 37, 25, 75


def recovered(seen: Attributes, cases: Sequence[Case], average_age: float) -> dict[str, dict[str, Any]]:
    """By attribute, over the cases whose prompt states it; chance is 0.5, and 0 for a correlation.

    ``error`` of age is the mean absolute one in years, ``error_without_looking`` that of always saying
    ``average_age``, of those the evaluator learned from, ``error_of_the_best_constant`` that of the
    prompts' median.
    ``interval`` holds 95 % by bootstrap over images.
    """
    ages = np.array([np.nan if c.age is None else c.age for c in cases], float)
    return {
        "sex": _kind(seen.female, np.array([None if c.sex is None else c.sex == "F" for c in cases])),
        "view": _kind(seen.pa, np.array([None if c.view is None else c.view == "PA" for c in cases])),
        "age": _age(seen.age, ages, average_age),
    }


def draw_aged(store: ImageStore, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, S, S) uint8 twice: patients in youth and in age, with the same findings, words and noise."""
    source = PromptSampler(findings=store.maker.findings)
    cases = [source.case(SEED, f"{i:09d}") for i in range(count)]
    young, old = (
        store.images(asked, [store.maker.masks(c) for c in asked], "aged")
        for asked in ([_at(c, years, i) for i, c in enumerate(cases)] for years in (YOUNG, OLD))
    )
    return young, old


def aged(evaluator: AttributeEvaluator, young: np.ndarray, old: np.ndarray) -> dict[str, float | list[float]]:
    """By how many ``years`` the evaluator finds (N, S, S) ``old`` older than ``young``, of how many asked;
    ``share`` of the pairs in which it does at all. As nothing else differs, chance is 0 and 0.5.
    """
    more = evaluator.look(old).age - evaluator.look(young).age
    return {
        "pairs": len(more),
        "asked": OLD - YOUNG,
        "years": round(float(more.mean()), 2),
        "interval": interval(lambda a, _: float(a.mean()), more, more),
        "share": round(float((more > 0).mean()), 3),
    }


def _at(case: Case, years: int, index: int) -> Case:
    prompt = write_prompt(case.findings, replace(case.who, age=years), np.random.default_rng((SEED, index)))
    return replace(case, age=years, prompt=prompt)


def interval(
    figure: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray, seed: int = 0
) -> list[float]:
    """95 % of ``figure(a, b)`` over pairs drawn with replacement (Efron, 1979)."""
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(a), len(a)) for _ in range(DRAWS)]
    return [round(float(v), 3) for v in np.nanpercentile([figure(a[d], b[d]) for d in draws], (2.5, 97.5))]


def _kind(said: np.ndarray, asked: np.ndarray) -> dict:
    told = np.array([a is not None for a in asked])
    said, truth = said[told], asked[told].astype(bool)
    return {
        "images": len(said),
        "positive": int(truth.sum()),
        "auroc": round(auroc(said, truth), 3),
        "interval": interval(auroc, said, truth),
    }


def _age(said: np.ndarray, asked: np.ndarray, unseen: float) -> dict:
    told = ~np.isnan(asked)
    said, asked = said[told].astype(float), asked[told]
    return {
        "images": len(said),
        "error": round(float(np.abs(said - asked).mean()), 2),
        "error_without_looking": round(float(np.abs(asked - unseen).mean()), 2),
        "error_of_the_best_constant": round(float(np.abs(asked - np.median(asked)).mean()), 2),
        "correlation": round(_correlation(said, asked), 3),
        "interval": interval(_correlation, said, asked),
    }


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; NaN when either is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
