"""Whether age, sex and view that were asked for can be read off films again."""

from collections.abc import Callable, Iterator

import numpy as np

from filters.experts.evaluators import ATTRIBUTE_EVALUATOR, AttributeEvaluator
from flows.evaluation.sets.asked import FEWEST
from flows.evaluation.sets.fidelity import figure, refused
from flows.evaluation.sets.films import Generated
from flows.evaluation.sets.groups import Group
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.real import RealSet
from flows.figures.figure import Figure
from flows.figures.ranking import auroc
from flows.figures.resampling import Estimate, drawn_interval


def attribute_figures(
    kept: Kept, generated: Generated, real: RealSet, groups: list[Group]
) -> Iterator[Figure]:
    """Sex and view (AUROC) and age (correlation) read off films again, beside real films."""
    evaluator = AttributeEvaluator.load()

    def ask(some: np.ndarray) -> np.ndarray:
        said = evaluator.look(some)
        return np.stack([said.female, said.pa, said.age], 1)

    digests = evaluator.extractor.digests
    pin = "".join(digests.values())
    ours = kept.rows(ATTRIBUTE_EVALUATOR, pin, generated.images, ask)
    theirs = kept.rows(ATTRIBUTE_EVALUATOR, pin, real.films.images, ask) if real.known else None
    films = real.films
    told = {
        "attribute_sex": (0, generated.sexes != "", generated.sexes == "F", films.sexes == "F", auroc),
        "attribute_view": (1, generated.views != "", generated.views == "PA", films.views == "PA", auroc),
        "attribute_age": (2, ~np.isnan(generated.ages), generated.ages, films.ages, _correlation),
    }
    for name, (column, stated, truth, real_truth, measure) in told.items():
        floor = None if theirs is None else measure(theirs[:, column], real_truth)
        for group in groups:
            some = group.generated & stated
            note = "correlation; 0 is chance" if measure is _correlation else "AUROC; 0.5 is chance"
            yield _measured(name, ours[some, column], truth[some], measure, floor, group.name, note)


def _measured(
    name: str,
    said: np.ndarray,
    truth: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], float],
    floor: float | None,
    group: str,
    note: str,
) -> Figure:
    values = np.unique(truth)
    counts = {"generated": len(truth)}
    if len(values) < 2 or min((truth == v).sum() for v in values) < (FEWEST if len(values) == 2 else 0):
        why = f"{len(truth)} films that differ too little in it, expected {FEWEST} of either kind"
        return refused(name, ATTRIBUTE_EVALUATOR, why, group, **counts)
    low, high = drawn_interval(lambda i: measure(said[i], truth[i]), len(truth))
    return figure(
        name, ATTRIBUTE_EVALUATOR, Estimate(measure(said, truth), low, high, floor, counts), group, note
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else float("nan")
