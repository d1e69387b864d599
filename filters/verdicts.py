"""What a filter says, and the decision that follows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["pass", "fail", "skipped"]
Status = Literal["accepted", "rejected", "failed"]


@dataclass(frozen=True)
class Verdict:
    """One filter's word on one candidate.

    ``score`` is in the filter's own unit (its docstring says which), ``None`` when skipped.
    ``keep`` tells the side of the threshold that passes: ``>=`` or ``<=``. ``reason`` is a short
    phrase, empty unless the verdict is ``fail``. ``detail`` holds JSON-able sub-scores.
    """

    filter: str
    outcome: Outcome
    score: float | None
    threshold: float
    keep: Literal[">=", "<="]
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def passes(score: float, threshold: float, keep: Literal[">=", "<="]) -> bool:
    """Whether a score is on the side of the threshold that is kept; NaN never is."""
    return score >= threshold if keep == ">=" else score <= threshold


@dataclass(frozen=True)
class Decision:
    """Accepted when no verdict is ``fail``; ``reasons`` names the filters that said no, in order."""

    status: Status
    reasons: tuple[str, ...] = ()


def decide(verdicts: Iterable[Verdict]) -> Decision:
    """The decision on one candidate: any ``fail`` rejects it."""
    failed = tuple(v.filter for v in verdicts if v.outcome == "fail")
    return Decision("rejected" if failed else "accepted", failed)
