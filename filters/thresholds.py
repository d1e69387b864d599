"""Thresholds from scores on real held-out data: what share of real radiographs each would refuse.

Pure functions: the caller (``flows``) makes the scores and writes the file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from filters.verdicts import Keep
from synth.errors import UserError

#: Thresholds are kept to this many decimals, rounded to the lenient side.
DECIMALS = 4


@dataclass(frozen=True)
class Threshold:
    """A threshold and where it comes from.

    ``threshold`` is in the filter's own unit. ``percentile`` in (0, 100) is the share of the
    reference that it refuses, None when it is provisional. ``reference`` says which scores it was
    read from, ``n`` how many there were, ``command`` how to make it again.
    """

    threshold: float
    percentile: float | None
    reference: str
    n: int
    command: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise UserError(f"threshold: {self.threshold}, expected a finite number")
        if self.percentile is not None and not 0 < self.percentile < 100:
            raise UserError(f"percentile: {self.percentile}, expected a number in (0, 100) or null")

    @property
    def provisional(self) -> bool:
        """True when no reference data stands behind the number."""
        return self.percentile is None


def calibrate(
    scores: Sequence[float] | np.ndarray,
    keep: Keep,
    percentile: float,
    reference: str,
    command: str,
) -> Threshold:
    """The threshold that refuses at most ``percentile`` % of the reference scores.

    ``scores`` (N,) come from real held-out data that should pass, in the filter's unit. The value
    is an order statistic (no interpolation between two real scores), rounded to the lenient side,
    so the share refused never exceeds what is asked.

    Raises UserError when the scores are too few for the percentile to be resolved (fewer than
    ``100 / percentile``) or are not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not 0 < percentile < 100:
        raise UserError(f"percentile: {percentile}, expected a number in (0, 100)")
    if not np.isfinite(values).all():
        raise UserError(f"scores: {int((~np.isfinite(values)).sum())} not finite, expected none")
    if len(values) * percentile < 100:
        needed = math.ceil(100 / percentile)
        raise UserError(
            f"scores: {len(values)} of {reference}, expected at least {needed} for percentile {percentile:g}"
        )
    scale = 10**DECIMALS
    if keep == ">=":
        cut = np.percentile(values, percentile, method="lower")
        value = math.floor(cut * scale) / scale
    else:
        cut = np.percentile(values, 100 - percentile, method="higher")
        value = math.ceil(cut * scale) / scale
    return Threshold(value, percentile, reference, len(values), command)


def refused(scores: Sequence[float] | np.ndarray, threshold: float, keep: Keep) -> float:
    """The share in [0, 1] of scores (N,) on the wrong side of a threshold, NaN among them."""
    values = np.asarray(scores, dtype=np.float64)
    kept = values >= threshold if keep == ">=" else values <= threshold
    return float(1 - kept.mean())


def dump_thresholds(thresholds: Mapping[str, Threshold]) -> str:
    """The text of ``thresholds.json``: filter name to threshold, in the given order."""
    table = {name: asdict(threshold) for name, threshold in thresholds.items()}
    return json.dumps(table, indent=2, allow_nan=False) + "\n"


def parse_thresholds(text: str, source: str = "thresholds.json") -> dict[str, Threshold]:
    """The inverse of :func:`dump_thresholds`; UserError names the entry that is wrong."""
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{source}: {error}, expected JSON") from None
    thresholds = {}
    for name, entry in table.items():
        try:
            thresholds[name] = Threshold(**entry)
        except (TypeError, ValueError) as error:
            raise UserError(f"{source}: {name}: {error}") from None
    return thresholds
