"""Figures of readers who all saw the same films: shares, ranks and agreement.

Answers stand in arrays (R, F), readers by films. An interval is to hold for other readers and other films,
so both are drawn anew. Drawing them together counts the noise of single answers three times (Owen, 2007);
drawing each alone as well tells the parts of the variance apart (Beiden, Wagner and Campbell, 2000), and
they are added up once each. Shares and ranks get their interval on the logit scale, with Satterthwaite's
degrees of freedom: of three readers one learns little about readers.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

#: Times that readers, films, and both are drawn anew.
DRAWS: Final = 1000
#: Least films of which an interval is told.
FEWEST_FILMS: Final = 2

#: A figure of weights of readers (B, R) and of films (B, F): (B,).
Weighed = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Measured:
    """``value`` and its 95 % interval, None where there was nothing to measure; ``films`` and ``readers``
    that it rests on, ``answers`` of theirs, and a ``note`` on an interval that came about otherwise."""

    value: float | None
    low: float | None = None
    high: float | None = None
    readers: int = 0
    films: int = 0
    answers: int = 0
    note: str = ""


def share(hits: np.ndarray, asked: np.ndarray, top: float = 1.0, seed: int = 0) -> Measured:
    """Sum of ``hits`` over sum of ``asked``, both (R, F): a share in [0, 1], or with ``top`` a mean in
    [0, top]. Readers and films of which nothing was asked are left out."""
    readers, films = asked.any(1), asked.any(0)
    hits, asked = (a[np.ix_(readers, films)].astype(float) for a in (hits / top, asked))
    if not asked.size:
        return Measured(None, note="no answers")

    def figure(r: np.ndarray, f: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            above, below = (((r @ a) * f).sum(1) for a in (hits, asked))
            return np.asarray(above / below)

    value = float(hits.sum() / asked.sum())
    counts = {"readers": len(asked), "films": asked.shape[1], "answers": int(asked.sum())}
    if value in (0.0, 1.0):  # drawn anew, nothing changes
        low, high = proportion_confint(round(value * asked.shape[1]), asked.shape[1], method="beta")
        note = "all answers agree: exact interval of the films"
        return Measured(value * top, float(low) * top, float(high) * top, **counts, note=note)
    low, high, note = interval(figure, value, len(asked), (asked.shape[1],), bounded=True, seed=seed)
    return Measured(value * top, _times(low, top), _times(high, top), **counts, note=note)


def told_apart(ratings: np.ndarray, real: np.ndarray, seed: int = 0) -> Measured:
    """Mean of the readers' areas under the ROC curve: how well ``ratings`` (R, F), NaN where none was given,
    tell films that are ``real`` (F,) from the others. 0.5: not at all."""
    given = ~np.isnan(ratings)
    some = given[:, real].any(1) & given[:, ~real].any(1)
    if not some.any():
        return Measured(None, note="no reader judged films of both kinds")
    first, second = ratings[some][:, real], ratings[some][:, ~real]
    there = ~np.isnan(first)[:, :, None] & ~np.isnan(second)[:, None, :]
    wins = np.where(there, np.sign(first[:, :, None] - second[:, None, :]) / 2 + 0.5, 0.0)

    def figure(r: np.ndarray, f: np.ndarray) -> np.ndarray:
        a, b = f[:, : real.sum()], f[:, real.sum() :]
        each = [
            [((a @ m) * b).sum(1) for m in (w, t.astype(float))] for w, t in zip(wins, there, strict=True)
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            areas = np.stack([above / below for above, below in each], 1)
        usable = ~np.isnan(areas) * r
        with np.errstate(invalid="ignore"):
            return np.asarray((np.nan_to_num(areas) * usable).sum(1) / usable.sum(1))

    strata = (int(real.sum()), int((~real).sum()))
    ones = np.ones((1, int(some.sum()))), np.ones((1, sum(strata)))
    value = float(figure(*ones)[0])
    counts = {"readers": int(some.sum()), "films": sum(strata), "answers": int(given[some].sum())}
    if value in (0.0, 1.0):
        return Measured(value, **counts, note="all films are told apart: no interval")
    low, high, note = interval(figure, value, int(some.sum()), strata, bounded=True, seed=seed)
    return Measured(value, low, high, **counts, note=note)


def agreement(answers: np.ndarray, seed: int = 0) -> Measured:
    """Fleiss' kappa of answers (R, F), whole numbers from 0, -1 where none was given: of films that all
    readers answered. Films alone are drawn anew: a reader who is drawn twice would agree with himself."""
    answers = answers[(answers >= 0).any(1)]
    whole = answers[:, (answers >= 0).all(0)] if answers.size else answers
    counts = {"readers": len(answers), "films": whole.shape[1], "answers": int(whole.size)}
    if len(answers) < 2 or whole.shape[1] < FEWEST_FILMS:
        return Measured(None, **counts, note="two readers and two films that all of them answered are needed")
    table = np.stack([(whole == k).sum(0) for k in range(whole.max() + 1)], 1)
    if (table.sum(0) > 0).sum() < 2:
        return Measured(None, **counts, note="all answers are the same: kappa is not defined")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(table), size=(DRAWS, len(table)))
    with warnings.catch_warnings():  # draws of one answer alone: 0 / 0
        warnings.simplefilter("ignore")
        kappas = np.array([fleiss_kappa(table[i]) for i in drawn], float)
    low, high = np.nanpercentile(kappas, (2.5, 97.5))
    return Measured(float(fleiss_kappa(table)), float(low), float(high), **counts, note="over films")


def interval(
    figure: Weighed, value: float, readers: int, strata: tuple[int, ...], bounded: bool, seed: int = 0
) -> tuple[float | None, float | None, str]:
    """95 % interval of a figure of so many readers and of films in strata, each drawn within its own, and a
    note. ``bounded``: the figure lies in (0, 1)."""
    films = sum(strata)
    if films < FEWEST_FILMS:
        return None, None, "one film: no interval"
    rng = np.random.default_rng(seed)
    drawn_readers = rng.multinomial(readers, np.full(readers, 1 / readers), DRAWS).astype(float)
    drawn_films = np.concatenate([rng.multinomial(n, np.full(n, 1 / n), DRAWS) for n in strata], 1)
    ones = np.ones_like(drawn_readers), np.ones(drawn_films.shape)
    of_films = _variance(figure(ones[0], drawn_films)) * films / max(1, films - 1)
    if readers == 1:
        variance, freedom, note = of_films, float(films - 1), "one reader: over films alone"
    else:
        of_readers = _variance(figure(drawn_readers, ones[1])) * readers / (readers - 1)
        both = _variance(figure(drawn_readers, drawn_films))
        # What is in neither readers nor films alone: the noise of a single answer.
        single = max(0.0, both - of_readers * (readers - 1) / readers - of_films * (films - 1) / films)
        parts = max(0.0, of_readers - single), max(0.0, of_films - single), single
        variance, note = sum(parts), ""
        frees = readers - 1, films - 1, (readers - 1) * (films - 1)
        freedom = variance**2 / max(sum(p**2 / n for p, n in zip(parts, frees, strict=True)), 1e-300)
    reach = float(student.ppf(0.975, max(freedom, 1.0))) * float(np.sqrt(variance))
    if not bounded:
        return value - reach, value + reach, note
    middle, reach = float(logit(value)), reach / (value * (1 - value))
    return float(expit(middle - reach)), float(expit(middle + reach)), note


def _variance(drawn: np.ndarray) -> float:
    """Of what is a number: a draw can miss all films that were asked about."""
    return float(np.nanvar(drawn))


def _times(value: float | None, top: float) -> float | None:
    return None if value is None else value * top
