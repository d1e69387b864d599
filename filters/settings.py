"""How a candidate is to be judged: which filters, thresholds and experts; free of torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filters.registry import FILTER_NAMES, FILTERS

Mode = Literal["all", "cheap_first"]
Family = Literal["embedded", "torchxrayvision"]

#: Filters that ask an expert, and so can be given one of the other family.
EXPERT_FILTERS = ("anatomy_agreement", "finding_agreement", "lesion_agreement")


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
    first and stops at the first fail. ``filters`` holds only those that differ from the default.
    ``checkpoints`` is a folder with ``anatomy/`` and ``findings/``, and second experts beside them or not
    (:mod:`filters.experts.ensemble`); None for the shipped one.
    ``batch_size`` is the experts', fixed: another one changes scores in the last bits only.
    """

    mode: Mode = "all"
    filters: Mapping[str, FilterChoice] = field(default_factory=dict)
    checkpoints: Path | None = None
    device: str = "cpu"
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.mode not in ("all", "cheap_first"):
            raise ValueError(f"filters.mode: {self.mode!r}, expected 'all' or 'cheap_first'")
        if self.batch_size < 1:
            raise ValueError(f"filters.batch_size: {self.batch_size}, expected 1 or more")
        for name, choice in self.filters.items():
            _check(name, choice)

    def choice(self, name: str) -> FilterChoice:
        """What is chosen for a filter, the default when nothing is."""
        return self.filters.get(name, FilterChoice())

    def threshold(self, name: str) -> float:
        """The threshold that a filter is held to, in its own unit."""
        chosen = self.choice(name).threshold
        return FILTERS[name].threshold if chosen is None else chosen


def _check(name: str, choice: FilterChoice) -> None:
    """Raise ValueError, in one line, for a choice that cannot be."""
    where = f"filters.{name}"
    if name not in FILTER_NAMES:
        raise ValueError(f"{where}: no such filter, expected one of {', '.join(FILTER_NAMES)}")
    if choice.threshold is not None and not math.isfinite(choice.threshold):
        raise ValueError(f"{where}.threshold: {choice.threshold}, expected a finite number")
    if choice.expert not in ("embedded", "torchxrayvision"):
        raise ValueError(f"{where}.expert: {choice.expert!r}, expected 'embedded' or 'torchxrayvision'")
    if choice.expert == "embedded":
        if choice.weights or choice.sha256:
            raise ValueError(f"{where}.weights: only for expert 'torchxrayvision'")
        return
    if name not in EXPERT_FILTERS:
        raise ValueError(f"{where}.expert: 'torchxrayvision', expected 'embedded' for this filter")
    if choice.weights is None or choice.sha256 is None:
        raise ValueError(
            f"{where}: expert 'torchxrayvision' needs weights (converted, .safetensors) and sha256"
        )
