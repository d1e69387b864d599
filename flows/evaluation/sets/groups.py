"""Films that are compared with one another: all, accepted ones, and each finding and subgroup."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flows.evaluation.sets.films import Generated
from flows.evaluation.sets.real import RealSet
from flows.figures.findings import AGES, LABELS
from synth.findings import FINDING_NAMES


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


def part_groups(generated: Generated, real: RealSet) -> Iterator[Group]:
    """Of accepted films: each finding that was asked for, none, and each sex, age band and view.

    Real films are grouped by their labels; a finding that none of these means has no real film.
    """
    films, accepted = real.films, generated.accepted
    for name in FINDING_NAMES:
        asked = np.array([name in f for f in generated.findings])
        labelled = films.labelled(LABELS[name]) if name in LABELS else np.zeros(len(films), bool)
        yield Group(f"finding={name}", accepted & asked, labelled)
    nothing = np.array([not f for f in generated.findings]) & generated.complete
    yield Group("finding=none", accepted & nothing, np.array([not labels for labels in films.labels], bool))
    for sex in ("F", "M"):
        yield Group(f"sex={sex}", accepted & (generated.sexes == sex), films.sexes == sex)
    for low, high in AGES:
        name = f"age={low}-{high}" if high < 200 else f"age={low}+"
        young, old = generated.ages >= low, generated.ages < high
        yield Group(name, accepted & young & old, (films.ages >= low) & (films.ages < high))
    for view in ("PA", "AP"):
        yield Group(f"view={view}", accepted & (generated.views == view), films.views == view)
