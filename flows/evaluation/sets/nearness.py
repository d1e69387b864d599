"""How many films lie as near a training film as a copy does, and how many copies would be found."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binomtest

from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy
from filters.experts.embedding import INDEX, TrainingIndex
from filters.registry import THRESHOLDS
from flows.evaluation.sets.fidelity import figure
from flows.evaluation.sets.films import Generated, spread
from flows.evaluation.sets.groups import Group
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.real import NIH, RealSet
from flows.evaluation.sets.spaces import judge_name
from flows.figures.figure import Figure
from flows.figures.resampling import Estimate
from flows.material.films import load_real
from flows.training.augment import disguise

#: Training films whose copies are searched for, and the seed of their alterations.
COPIES, SEED = 48, 83


def copy_figures(kept: Kept, generated: Generated, real: RealSet, groups: list[Group]) -> Iterator[Figure]:
    """Share of films nearer to a training film of the image model that ships than the filter allows, beside
    that of real films; with the detector's recall on copies of training films where these are there."""
    index = TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX)
    expert = EmbeddedAnatomy.load(index=index)
    judge = judge_name("training_index", expert.digest, generated.weights)
    limit = THRESHOLDS["training_copy"].threshold

    def distances(images: np.ndarray) -> np.ndarray:
        rows = kept.rows("training_index", expert.digest, images, lambda x: index.project(expert.features(x)))
        return np.array([index.nearest(row)[0] for row in rows])

    ours, theirs = distances(generated.images), distances(real.films.images)
    recall = _recall(real, index, limit, distances)
    for group in groups:
        near = ours[group.generated] < limit
        counts = {"generated": len(near), "near": int(near.sum()), "real": len(theirs)}
        if not len(near):
            yield Figure(
                "copies", judge, None, group=group.name, counts=counts, note="not measured: no such film"
            )
            continue
        span = binomtest(int(near.sum()), len(near)).proportion_ci(method="exact")
        estimate = Estimate(float(near.mean()), span.low, span.high, float((theirs < limit).mean()), counts)
        how = f"share nearer than {limit:.3f}; exact binomial interval; {recall}"
        yield figure("copies", judge, estimate, group.name, how)


def _recall(
    real: RealSet, index: TrainingIndex, limit: float, distances: Callable[[np.ndarray], np.ndarray]
) -> str:
    """In words: what share of copies of training films, altered as other exports of them may be, is found."""
    if real.layout is None:
        return "the detector's recall is not measured here: it needs the training films"
    side = real.films.images.shape[-1]
    chosen = frozenset(spread(sorted(index.names), COPIES))
    damaged: list[str] = []
    films = load_real(real.layout, NIH, side, keep=lambda row: row["image"] in chosen, damaged=damaged)
    if not len(films):
        return "the detector's recall is not measured here: no training film is in the folder"
    sets = {"as they are": films.images, **disguise(films.images, SEED)}
    found = {kind: float((distances(x) < limit).mean()) for kind, x in sets.items()}
    told = ", ".join(f"{share:.0%} {kind}" for kind, share in found.items())
    return f"of {len(films)} of the {len(index.names)} training films it finds again {told}"
