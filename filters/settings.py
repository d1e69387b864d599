"""How a candidate is to be judged: which filters, thresholds and experts; free of torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filters.registry import FILTER_NAMES, FILTERS
from synth.errors import UserError

Mode = Literal["all", "cheap_first"]
Family = Literal["embedded", "torchxrayvision"]


@dataclass(frozen=True)
class FilterChoice:
    """What a user may change of one filter.

    ``threshold`` None means the shipped one. ``expert`` is the family asked; for
    ``torchxrayvision``, ``weights`` is the converted safetensors file and ``sha256`` its digest.
    """

    enabled: bool = True
    threshold: float | None = None
    expert: Family = "embedded"
    weights: Path | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class JudgeSettings:
    """Everything that a verdict depends on, besides the candidate.

    ``mode`` ``all`` lets every filter score every candidate; ``cheap_first`` asks the cheapest
    first and stops at the first fail. ``filters`` holds only those that differ from the default; ``own``
    are files of the user's own filters (:mod:`filters.own`).
    ``checkpoints`` is a folder with ``anatomy/`` and ``findings/``, and second experts beside them or not
    (:mod:`filters.experts.ensemble`); None for the shipped one.
    ``batch_size`` is the experts', fixed: another one changes scores in the last bits only.
    """

    mode: Mode = "all"
    filters: Mapping[str, FilterChoice] = field(default_factory=dict)
    own: tuple[Path, ...] = ()
    checkpoints: Path | None = None
    device: str = "cpu"
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.mode not in ("all", "cheap_first"):
            raise UserError(f"filters.mode: {self.mode!r}, expected 'all' or 'cheap_first'")
        if self.batch_size < 1:
            raise UserError(f"filters.batch_size: {self.batch_size}, expected 1 or more")
        for name, choice in self.filters.items():
            _check(name, choice)

    def choice(self, name: str) -> FilterChoice:
        """What is chosen for a filter, the default when nothing is."""
        return self.filters.get(name, FilterChoice())


def _check(name: str, choice: FilterChoice) -> None:
    """Raises UserError, in one line, for a choice that cannot be."""
    where = f"filters.{name}"
    if name not in FILTER_NAMES:
        raise UserError(f"{where}: no such filter, expected one of {', '.join(FILTER_NAMES)}")
    if choice.threshold is not None and not math.isfinite(choice.threshold):
        raise UserError(f"{where}.threshold: {choice.threshold}, expected a finite number")
    if choice.expert not in ("embedded", "torchxrayvision"):
        raise UserError(f"{where}.expert: {choice.expert!r}, expected 'embedded' or 'torchxrayvision'")
    if choice.expert == "embedded":
        if choice.weights or choice.sha256:
            raise UserError(f"{where}.weights: only for expert 'torchxrayvision'")
        return
    if FILTERS[name].asks is None:
        raise UserError(f"{where}.expert: 'torchxrayvision', expected 'embedded' for this filter")
    if choice.weights is None or choice.sha256 is None:
        raise UserError(
            f"{where}: expert 'torchxrayvision' needs weights (converted, .safetensors) and sha256"
        )
