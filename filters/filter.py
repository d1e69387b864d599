"""What a filter is: one question that each candidate is asked, and the evidence that it answers from.

A filter is a file that ends in ``FILTER = Filter(...)``; :mod:`filters.registry` lists those that ship.
Free of torch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from filters.experts.embedding import Memory, TrainingIndex
from filters.experts.opinion import Opinion
from filters.verdicts import Keep, Score
from synth.cases import Candidate
from synth.errors import UserError

#: The kinds of experts that a filter can ask.
Kind = Literal["anatomy", "findings"]


@dataclass(frozen=True)
class Evidence:
    """All that a filter may look at.

    ``opinion``: of the expert that the filter asks, None where it asks none. ``embedding`` (D,) float32 of
    unit length, ``memory`` (the shard's candidates judged before) and ``index`` (the training images): None
    unless the filter embeds.
    """

    candidate: Candidate
    opinion: Opinion | None = field(default=None, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    memory: Memory | None = field(default=None, repr=False)
    index: TrainingIndex | None = field(default=None, repr=False)

    @property
    def heard(self) -> Opinion:
        """The opinion, for a filter that asks for one."""
        assert self.opinion is not None, "the filter asks no expert, expected asks= in its FILTER"
        return self.opinion

    @property
    def place(self) -> np.ndarray:
        """The embedding, for a filter that embeds."""
        assert self.embedding is not None, "the filter does not embed, expected embeds=True in its FILTER"
        return self.embedding


@dataclass(frozen=True)
class Calibration:
    """How a threshold is read off real cases: it refuses ``percentile`` % of the ``material``'s scores.

    ``material`` names one of :data:`flows.evaluation.thresholds.MATERIAL`; ``reference`` says in words
    what it is.
    """

    percentile: float
    material: str
    reference: str


@dataclass(frozen=True)
class Filter:
    """One filter. ``score`` maps :class:`Evidence` to a :class:`~filters.verdicts.Score`.

    ``name`` is what configs and columns call it; ``question`` completes "it asks that the image …";
    ``unit`` says what the score is and in which range; ``keep`` is the side of the threshold that passes;
    ``cost`` ranks filters from the cheapest up, the order of the cheap-first mode. ``asks`` is the kind of
    expert whose opinion it scores; with ``embeds`` it gets embedding, memory and index. Only what can be
    shown to an expert is scored, unless it takes ``any_image``. ``calibration`` is how ``synthorax
    calibrate`` finds the shipped threshold; a filter of the user's own states its ``threshold`` itself.

    Raises UserError for a name or threshold that cannot be.
    """

    name: str
    question: str
    unit: str
    score: Callable[[Evidence], Score]
    keep: Keep = ">="
    asks: Kind | None = None
    embeds: bool = False
    any_image: bool = False
    cost: float = 10
    calibration: Calibration | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isidentifier() and self.name == self.name.lower()):
            raise UserError(f"FILTER.name: {self.name!r}, expected lower-case letters, digits and _")
        if self.keep not in (">=", "<="):
            raise UserError(f"FILTER.keep: {self.keep!r}, expected '>=' or '<='")
        if self.asks not in (None, "anatomy", "findings"):
            raise UserError(f"FILTER.asks: {self.asks!r}, expected 'anatomy', 'findings' or None")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UserError(f"FILTER.threshold: {self.threshold}, expected a finite number")

    @property
    def limit(self) -> float:
        """The threshold that holds unless a config says otherwise, in the score's unit."""
        if self.threshold is None:
            raise UserError(f"FILTER.threshold: none for {self.name}, expected a finite number")
        return self.threshold


def readable(candidate: Candidate) -> bool:
    """Whether an expert can be shown the image: uint8, square, the masks' size."""
    image, size = candidate.image, candidate.masks.size
    return isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape == (size, size)
