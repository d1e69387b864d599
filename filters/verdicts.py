"""What a filter says, and the decision that follows."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["pass", "fail", "skipped"]
Status = Literal["accepted", "rejected", "failed"]
Keep = Literal[">=", "<="]


@dataclass(frozen=True)
class Score:
    """A filter's measurement before any threshold is applied.

    ``value`` is in the filter's own unit; ``reason`` is the short phrase to give should it fail;
    ``detail`` holds JSON-able sub-scores. A score never depends on a threshold.
    """

    value: float
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """One filter's word on one candidate.

    ``score`` is in the filter's own unit (its docstring says which), ``None`` when skipped and NaN
    when the filter could not make a finite one (which always fails). ``keep`` tells the side of the
    threshold that passes: ``>=`` or ``<=``. ``reason`` is a short phrase, empty unless the verdict
    is ``fail``. ``detail`` holds JSON-able sub-scores; of a skipped verdict, ``{"why": …}``.
    """

    filter: str
    outcome: Outcome
    score: float | None
    threshold: float
    keep: Keep
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def rounded(value: float) -> float | None:
    """A sub-score as the manifest keeps it: four decimals, None (JSON has no NaN) if not finite."""
    return round(float(value), 4) if math.isfinite(value) else None


def passes(score: float, threshold: float, keep: Keep) -> bool:
    """Whether a score is on the side of the threshold that is kept; NaN never is."""
    return score >= threshold if keep == ">=" else score <= threshold


def verdict(filter_name: str, score: Score, threshold: float, keep: Keep) -> Verdict:
    """A score held against its threshold.

    A score that is not finite is kept as NaN, so that it fails here and in every replay.
    """
    if not math.isfinite(score.value):
        reason = f"{score.reason} (score is {score.value})".strip()
        return Verdict(filter_name, "fail", math.nan, threshold, keep, reason, score.detail)
    if passes(score.value, threshold, keep):
        return Verdict(filter_name, "pass", score.value, threshold, keep, "", score.detail)
    return Verdict(filter_name, "fail", score.value, threshold, keep, score.reason, score.detail)


def skipped(filter_name: str, threshold: float, keep: Keep, why: str) -> Verdict:
    """The word of a filter that was not asked; it rejects nothing."""
    return Verdict(filter_name, "skipped", None, threshold, keep, "", {"why": why})


@dataclass(frozen=True)
class Decision:
    """Accepted when no verdict is ``fail``; ``reasons`` are the filters that said no, in order."""

    status: Status
    reasons: tuple[str, ...] = ()


def decide(verdicts: Iterable[Verdict]) -> Decision:
    """The decision on one candidate: any ``fail`` rejects it."""
    failed = tuple(v.filter for v in verdicts if v.outcome == "fail")
    return Decision("rejected" if failed else "accepted", failed)
