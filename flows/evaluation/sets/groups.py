"""Films that are compared with one another: all, accepted ones, matched ones, each finding and subgroup."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from flows.evaluation.sets.films import Generated
from flows.evaluation.sets.real import RealSet
from flows.figures.findings import AGES, LABELS
from synth.findings import FINDING_NAMES

#: Groups that are no part of another: of these all figures of a set are given.
WHOLE = ("all", "accepted", "matched")
#: Years that films of a matched pair differ by at most.
YEARS = 10


@dataclass(frozen=True)
class Group:
    """A group's ``name``, as figures have it, and which generated (M,) and real films (N,) bool are of it."""

    name: str
    generated: np.ndarray
    real: np.ndarray


def whole_groups(generated: Generated, real: RealSet) -> Iterator[Group]:
    """All generated films, and of a build the accepted ones."""
    everyone = np.ones(len(real.films), bool)
    yield Group("all", np.ones(len(generated), bool), everyone)
    if generated.asked:
        yield Group("accepted", generated.accepted, everyone)


def matched(generated: Generated, real: RealSet) -> Group:
    """As many pairs as can be made of an accepted and a real film of the same view and sex, of ages at most
    YEARS apart, the nearer the better, and of one finding at least in common, or both of none.

    So films are compared, and not what builds and hospitals have much of.
    """
    films = real.films
    shown = np.stack([*map(films.labelled, LABELS.values()), [not found for found in films.labels]], 1)
    asked = np.array([[name in f for name in LABELS] for f in generated.findings])
    asked = np.concatenate([asked, _nothing(generated)[:, None]], 1)
    apart = np.abs(generated.ages[:, None] - films.ages)
    fits = (asked.astype(int) @ shown.T.astype(int) > 0) & (apart <= YEARS)  # NaN fits nothing
    fits &= (generated.sexes[:, None] == films.sexes) & (generated.views[:, None] == films.views)
    fits &= generated.accepted[:, None]
    i, j = linear_sum_assignment(np.where(fits, apart, 1e6))
    i, j = i[fits[i, j]], j[fits[i, j]]
    return Group("matched", np.isin(np.arange(len(generated)), i), np.isin(np.arange(len(films)), j))


def part_groups(generated: Generated, real: RealSet) -> Iterator[Group]:
    """Of accepted films: each finding that was asked for, none, and each sex, age band and view.

    Real films are grouped by their labels; a finding that none of these means has no real film.
    """
    films, accepted = real.films, generated.accepted
    for name in FINDING_NAMES:
        asked = np.array([name in f for f in generated.findings])
        labelled = films.labelled(LABELS[name]) if name in LABELS else np.zeros(len(films), bool)
        yield Group(f"finding={name}", accepted & asked, labelled)
    nothing = _nothing(generated)
    yield Group("finding=none", accepted & nothing, np.array([not labels for labels in films.labels], bool))
    for sex in ("F", "M"):
        yield Group(f"sex={sex}", accepted & (generated.sexes == sex), films.sexes == sex)
    for low, high in AGES:
        name = f"age={low}-{high}" if high < 200 else f"age={low}+"
        young, old = generated.ages >= low, generated.ages < high
        yield Group(name, accepted & young & old, (films.ages >= low) & (films.ages < high))
    for view in ("PA", "AP"):
        yield Group(f"view={view}", accepted & (generated.views == view), films.views == view)


def _nothing(generated: Generated) -> np.ndarray:
    """(M,) bool: films that were asked to show no finding."""
    return np.array([not f for f in generated.findings]) & generated.complete
