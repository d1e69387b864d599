"""One accepted sample on its way into another tool's format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manifests.exporting.splits import Split
from manifests.exporting.trust import Trust
from synth.cases import Lesion


@dataclass(frozen=True)
class LabelledLesion:
    """An instance of a finding: ``mask`` (H, W) bool, never empty, and the same as COCO ``rle`` text."""

    finding: str
    mask: np.ndarray = field(repr=False)
    rle: str = field(repr=False)
    trust: Trust

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The tight COCO box (x, y, width, height) in pixels."""
        return Lesion(self.finding, self.mask).box

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class LabelledFilm:
    """An accepted sample: ``row`` of the manifest, ``members`` of its tar by extension, as bytes.

    ``lesions`` are to be learned from; ``doubted`` lie in the image but should be ignored.
    """

    key: str
    split: Split
    row: Mapping[str, Any] = field(repr=False)
    members: Mapping[str, bytes] = field(repr=False)
    lesions: tuple[LabelledLesion, ...]
    doubted: tuple[LabelledLesion, ...] = ()

    @property
    def unoutlined(self) -> frozenset[str]:
        """Findings that the text names and nobody outlined: of an edited film what the edit is not about."""
        outlined = {instance["finding"] for instance in self.row["instances"]}
        return frozenset(asked["name"] for asked in self.row["findings"]) - outlined

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.row["height"], self.row["width"]
