"""Whether films show what was asked for: lungs in their mask, findings, and these in their place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from filters.anatomy_agreement import dice
from filters.experts.evaluators import (
    ANATOMY_EVALUATOR,
    FINDING_EVALUATOR,
    load_finding_evaluator,
    load_lung_evaluator,
)
from flows.evaluation.sets.fidelity import figure, refused
from flows.evaluation.sets.films import Box, Generated
from flows.evaluation.sets.groups import Group
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.real import RealSet
from flows.evaluation.sets.spaces import judge_name
from flows.figures.figure import Figure
from flows.figures.findings import LABELS, MAPS, answers_of
from flows.figures.ranking import auroc
from flows.figures.resampling import Estimate, drawn_interval, mean_over, multiplicities

#: Films on either side of a ranking, and boxes, that a figure needs at least.
FEWEST = 5
#: How much wider and higher than the lesion's its box is taken.
WIDER: Final = 1.2
#: Draws behind the interval of a mean over findings.
DRAWS = 250


@dataclass(frozen=True)
class Seen:
    """The evaluator of findings on N films: ``probabilities`` of each finding (N,), ``points`` (N, 2) of each
    map's maximum, x and y in [0, 1]."""

    probabilities: dict[str, np.ndarray]
    points: dict[str, np.ndarray]
    judge: str


def look(kept: Kept, images: np.ndarray, weights: Mapping[str, str]) -> Seen:
    """Ask the evaluator of findings, once for each film."""
    evaluator = load_finding_evaluator()
    names = evaluator.findings

    def ask(some: np.ndarray) -> np.ndarray:
        said = answers_of(evaluator, some)
        spoken = [said.probabilities[n][:, None] for n in names]
        return np.concatenate([*spoken, *(said.points[n] for n in names)], axis=1)

    rows = kept.rows(f"{FINDING_EVALUATOR}_answers", evaluator.digest, images, ask)
    points = rows[:, len(names) :].reshape(len(rows), len(names), 2)
    return Seen(
        {n: rows[:, i] for i, n in enumerate(names)},
        {n: points[:, i] for i, n in enumerate(names)},
        judge_name(FINDING_EVALUATOR, evaluator.digest, weights),
    )


def seen_lungs(kept: Kept, images: np.ndarray) -> np.ndarray:
    """(N, S, S) bool: both lungs together, as their evaluator sees them in (N, S, S) uint8."""
    evaluator = load_lung_evaluator()

    def ask(some: np.ndarray) -> np.ndarray:
        seen = [[o.mask("right_lung"), o.mask("left_lung")] for o in evaluator.look(some)]
        return np.packbits(np.array(seen).any(1), axis=-1).reshape(len(some), -1)

    side = images.shape[-1]  # masks of films of another size, kept in the same folder, have other rows
    rows = kept.rows(f"{ANATOMY_EVALUATOR}_lungs_{side}", evaluator.digest, images, ask)
    return np.unpackbits(rows.reshape(len(rows), side, -1), axis=-1, count=side).astype(bool)


def lung_figures(kept: Kept, generated: Generated, groups: list[Group]) -> Iterator[Figure]:
    """Dice of both lungs together against the mask that was asked for."""
    seen = seen_lungs(kept, generated.images)
    values = np.array([dice(s, a) for s, a in zip(seen, generated.lungs, strict=True)])
    judge = judge_name(ANATOMY_EVALUATOR, load_lung_evaluator().digest, generated.weights)
    for group in groups:
        some = values[group.generated]
        if not len(some):
            yield refused("lungs_dice", judge, "no such film", group.name, generated=0)
            continue
        note = f"lowest {some.min():.3f}, 5th percentile {np.percentile(some, 5):.3f}"
        estimate = replace(mean_over(some, np.arange(len(some))), counts={"generated": len(some)})
        yield figure("lungs_dice", judge, estimate, group.name, note)


def finding_figures(seen: Seen, real_seen: Seen, generated: Generated, real: RealSet) -> Iterator[Figure]:
    """Of each finding in accepted films: AUROC of its probability where asked for against where not, beside
    real films by labels; and the mean over findings, of all films and of accepted ones."""
    asked = {n: np.array([n in f for f in generated.findings]) for n in seen.probabilities}
    told: dict[str, list[str]] = {}
    for name, truth in asked.items():
        usable = generated.accepted & (truth | generated.complete)
        floor, note = _real_ranking(real_seen, real, name)
        one = _ranked(seen.probabilities[name][usable], truth[usable], f"finding={name}", seen.judge, floor)
        yield replace(one, note="; ".join(filter(None, (one.note, note))))
    for group, among in (("all", np.ones(len(generated), bool)), ("accepted", generated.accepted)):
        usable = {n: among & (t | generated.complete) for n, t in asked.items()}
        told[group] = [n for n, t in asked.items() if _enough(t[usable[n]])]
        yield _mean_ranking(seen, asked, usable, told[group], among, group)


def pointing_figures(seen: Seen, real_seen: Seen, generated: Generated, real: RealSet) -> Iterator[Figure]:
    """How often the maximum of a finding's map lies in a lesion of it that was asked for, its box widened by
    WIDER (pointing game, Zhang et al., 2018), in accepted films; the floor is that on radiologists' boxes."""
    hits: dict[str, np.ndarray] = {}
    films: dict[str, np.ndarray] = {}
    theirs: dict[str, np.ndarray] = {}
    chances: dict[str, float] = {}
    for name in seen.points:
        films[name], hits[name], chances[name] = _hits(
            seen.points[name], generated.boxes, {name}, generated.accepted
        )
        kinds = {k for k, n in MAPS.items() if n == name}
        every = np.ones(len(real.films), bool)
        theirs[name] = _hits(real_seen.points[name], real.films.boxes, kinds, every)[1]
    for name, hit in hits.items():
        yield _pointed(hit, films[name], theirs[name], chances[name], f"finding={name}", seen.judge)
    chance = float(np.average(list(chances.values()), weights=[max(len(h), 1e-9) for h in hits.values()]))
    joined = (np.concatenate(list(x.values())) for x in (hits, films, theirs))
    hit, film, real_hit = joined
    yield _pointed(hit, film, real_hit, chance, "accepted", seen.judge)


def _enough(truth: np.ndarray) -> bool:
    return bool(min(truth.sum(), (~truth).sum()) >= FEWEST)


def _ranked(scores: np.ndarray, truth: np.ndarray, group: str, judge: str, floor: float | None) -> Figure:
    counts = {"asked": int(truth.sum()), "not asked": int((~truth).sum())}
    if not _enough(truth):
        why = "no accepted film asks for it" if not truth.any() else f"fewer than {FEWEST} films on a side"
        return refused("requested_auroc", judge, why, group, **counts)
    low, high = drawn_interval(lambda i: auroc(scores[i], truth[i]), len(truth))
    return figure("requested_auroc", judge, Estimate(auroc(scores, truth), low, high, floor, counts), group)


def _real_ranking(seen: Seen, real: RealSet, name: str) -> tuple[float | None, str]:
    if not real.known or name not in LABELS:
        return None, "no label of the real films means it"
    truth = real.films.labelled(LABELS[name])
    if not _enough(truth):
        return None, f"{int(truth.sum())} real films are labelled with it"
    return auroc(
        seen.probabilities[name], truth
    ), f"floor: {int(truth.sum())} labelled real films against the rest"


def _mean_ranking(
    seen: Seen,
    asked: Mapping[str, np.ndarray],
    usable: Mapping[str, np.ndarray],
    names: list[str],
    among: np.ndarray,
    group: str,
) -> Figure:
    counts = {"generated": int(among.sum()), "findings": len(names)}
    if not names:
        why = f"no finding is asked for in {FEWEST} films and not in {FEWEST} others"
        return refused("requested_auroc", seen.judge, why, group, **counts)

    def mean(w: np.ndarray) -> float:
        values = []
        for n in names:
            index = np.repeat(np.flatnonzero(usable[n]), w[usable[n]])
            values.append(auroc(seen.probabilities[n][index], asked[n][index]))
        return float(np.nanmean(values))

    rng, each = np.random.default_rng(0), np.arange(len(among))
    drawn = [mean(multiplicities(each, rng)) for _ in range(DRAWS)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    estimate = Estimate(mean(np.ones(len(among), int)), float(low), float(high), counts=counts)
    return figure("requested_auroc", seen.judge, estimate, group, "mean over findings")


def _hits(
    points: np.ndarray, boxes: list[tuple[Box, ...]], kinds: set[str], among: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Of the films with such a box: which they are, whether the point lies in one, and the boxes' mean share
    of the film."""
    films, hits, shares = [], [], []
    for i in np.flatnonzero(among):
        wide = [_widened(b) for b in boxes[i] if b[0] in kinds]
        if wide:
            x, y = points[i]
            films.append(i)
            hits.append(any(a <= x <= c and b <= y <= d for a, b, c, d in wide))
            shares.append(min(1.0, sum((c - a) * (d - b) for a, b, c, d in wide)))
    return np.array(films, int), np.array(hits, float), float(np.mean(shares)) if shares else 0.0


def _widened(box: Box) -> tuple[float, float, float, float]:
    _, x0, y0, x1, y1 = box
    dx, dy = (x1 - x0) * (WIDER - 1) / 2, (y1 - y0) * (WIDER - 1) / 2
    return max(0.0, x0 - dx), max(0.0, y0 - dy), min(1.0, x1 + dx), min(1.0, y1 + dy)


def _pointed(
    hits: np.ndarray, films: np.ndarray, real: np.ndarray, chance: float, group: str, judge: str
) -> Figure:
    counts = {"generated": len(hits), "real": len(real)}
    if len(hits) < FEWEST:
        why = f"{len(hits)} films with such a lesion, expected {FEWEST}"
        return refused("pointing", judge, why, group, **counts)
    estimate = mean_over(hits, films)
    floor = float(real.mean()) if len(real) >= FEWEST else None
    note = f"chance {chance:.2f}, the boxes' share of the film"
    return figure("pointing", judge, replace(estimate, floor=floor, counts=counts), group, note)
