"""Answers scored: is it taken for real, is it good, is what was asked for seen, are outlines of use.

``_real`` behind a figure's name is the same of the real films, by which the other is to be read: no reader
takes every real film for real, or sees all that a report names.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from flows.evaluation.study.key import QUALITY, USEFUL
from flows.evaluation.study.tables import Tables
from flows.figures.figure import Figure
from flows.figures.readers import Measured, agreement, share, told_apart

JUDGE: Final = "readers"
#: From this grade on a film was taken for real.
REAL_FROM: Final = 3
_SEED: Final = 0

_TRUTH = {
    True: "truth: labels of real films, mined from reports where NIH's",
    False: "truth: what was drawn into the film, or not asked for",
}


def figures_of(tables: Tables) -> tuple[Figure, ...]:
    """All figures; what no answer speaks of has no value and says so."""
    return tuple(
        figure
        for part in (_authentic, _told_apart, _seen, _useful, _quality, _agreement)
        for figure in part(tables)
    )


def _figure(name: str, found: Measured, group: str = "all", note: str = "") -> Figure:
    counts = {"readers": found.readers, "films": found.films, "answers": found.answers}
    notes = "; ".join(text for text in (note, found.note) if text)
    return Figure(name, JUDGE, found.value, found.low, found.high, group=group, counts=counts, note=notes)


def _kinds(tables: Tables) -> Iterator[tuple[str, bool, np.ndarray]]:
    """What is put behind a name, whether films are real, and which are (F,)."""
    yield "", False, ~tables.real
    yield "_real", True, tables.real


def _authentic(tables: Tables) -> Iterator[Figure]:
    given = ~np.isnan(tables.authentic)
    taken = np.nan_to_num(tables.authentic) >= REAL_FROM
    for suffix, _, which in _kinds(tables):
        name = "authentic_real" if suffix else "authentic_synthetic"
        yield _figure(name, share(taken & given & which, given & which, seed=_SEED), note="taken for real")
        for finding, shows in tables.shows.items():
            if (some := which & shows).any():
                found = share(taken & given & some, given & some, seed=_SEED)
                yield _figure(name, found, f"finding={finding}", "taken for real")


def _told_apart(tables: Tables) -> Iterator[Figure]:
    found = told_apart(tables.authentic, tables.real, seed=_SEED)
    yield _figure("told_apart", found, note="AUROC of the four grades, mean of readers; 0.5: not told apart")


def _seen(tables: Tables) -> Iterator[Figure]:
    """Sensitivity and specificity of readers for what is on a film, all findings together and each."""
    for suffix, real, which in _kinds(tables):
        for name, truths, hit in (("sensitivity", tables.shows, 1.0), ("specificity", tables.lacks, 0.0)):
            each = {f: which & truths[f] for f in tables.seen if f in truths}
            pairs = {f: (~np.isnan(tables.seen[f]) & some, tables.seen[f] == hit) for f, some in each.items()}
            if not pairs:
                continue
            asked = np.sum([given for given, _ in pairs.values()], 0)
            hits = np.sum([given & right for given, right in pairs.values()], 0)
            yield _figure(name + suffix, share(hits, asked, seed=_SEED), note=_TRUTH[real])
            for finding, (given, right) in pairs.items():
                if each[finding].any():
                    found = share(given & right, given, seed=_SEED)
                    yield _figure(name + suffix, found, f"finding={finding}", _TRUTH[real])


def _useful(tables: Tables) -> Iterator[Figure]:
    """Outlines called useful, and those called at least partly so."""
    for suffix, real, which in _kinds(tables):
        outlines = "radiologists' boxes" if real else "masks"
        for name, least in (("useful", USEFUL[2]), ("partly_useful", USEFUL[1])):
            pairs = {f: (~np.isnan(t) & which, t >= least) for f, t in tables.useful.items()}
            if not pairs:
                continue
            asked = np.sum([given for given, _ in pairs.values()], 0)
            hits = np.sum([given & right for given, right in pairs.values()], 0)
            note = f"{outlines}; {'at least partly useful' if least < USEFUL[2] else 'useful, not partly'}"
            yield _figure(name + suffix, share(hits, asked, seed=_SEED), note=note)
            for finding, (given, right) in pairs.items():
                if given.any():
                    found = share(given & right, given, seed=_SEED)
                    yield _figure(name + suffix, found, f"finding={finding}", note)


def _quality(tables: Tables) -> Iterator[Figure]:
    """The mean grade; an interval of (grade - 1) / 4, in [0, 1], is carried back."""
    given, worst, top = ~np.isnan(tables.quality), QUALITY[0], QUALITY[-1] - QUALITY[0]
    grades = np.nan_to_num(tables.quality - worst)
    for suffix, _, which in _kinds(tables):
        found = share(grades * (given & which), given & which, float(top), seed=_SEED)
        value, low, high = (None if v is None else v + worst for v in (found.value, found.low, found.high))
        shifted = Measured(value, low, high, found.readers, found.films, found.answers, found.note)
        yield _figure(f"quality{suffix}", shifted, note="mean grade, 1 useless to 5 excellent")


def _agreement(tables: Tables) -> Iterator[Figure]:
    taken = np.where(np.isnan(tables.authentic), -1, tables.authentic >= REAL_FROM).astype(int)
    yield _figure("fleiss_kappa", agreement(taken, _SEED), note="of real or not, by all readers")
    for finding, seen in tables.seen.items():
        ticked = np.where(np.isnan(seen), -1, seen).astype(int)
        yield _figure("fleiss_kappa", agreement(ticked, _SEED), f"finding={finding}", "of seen or not")
