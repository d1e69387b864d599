"""What flows through a build: the case that is asked for, its masks, and the candidate made of both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from synth.demographics import Demographics
from synth.errors import UserError
from synth.findings import ANATOMY, FINDING_NAMES, Severity, Sex, Side, View, Zone

#: What ``Case.edit`` says of the radiograph as it is, and of one that could not be edited.
BEFORE, UNCHANGED = "before", "unchanged"


@dataclass(frozen=True)
class FindingRequest:
    """One finding that a prompt asks for; ``None`` leaves the choice to the mask generator."""

    name: str
    side: Side | None = None
    zone: Zone | None = None
    severity: Severity | None = None

    def __post_init__(self) -> None:
        if self.name not in FINDING_NAMES:
            raise UserError(f"finding: {self.name!r}, expected one of {', '.join(FINDING_NAMES)}")


@dataclass(frozen=True)
class Case:
    """One radiograph to be made.

    ``key`` is made of digits only (a dot in a key breaks WebDataset); with the build's seed it
    determines the sample alone. ``unparsed`` holds the parts of the prompt that the parser did not
    understand: they condition the image as text and nothing else. ``complete``: whether ``findings`` are all
    that there is; where not, nothing may be said of what else the image shows, nor that it is normal.

    ``draw``: which attempt at its image this is, 0 the first; another has the same masks and other noise.

    Of an edit of a real radiograph: ``pair`` is the key of its pair's first candidate, ``source_sha256`` the
    SHA-256 (hex) of the file, and ``edit`` says what was done to it. All are empty otherwise.
    """

    key: str
    seed: int
    prompt: str
    findings: tuple[FindingRequest, ...] = ()
    age: int | None = None  # years
    sex: Sex | None = None
    view: View | None = None
    unparsed: tuple[str, ...] = ()
    complete: bool = True
    pair: str = field(default="", repr=False)
    source_sha256: str = field(default="", repr=False)
    edit: str = field(default="", repr=False)
    draw: int = field(default=0, repr=False)

    @property
    def normal(self) -> bool:
        """Whether nothing is there, as far as the 13 findings go."""
        return self.complete and not self.findings

    def stage(self, name: str) -> str:
        """A stage of this draw, for :mod:`synth.seeding`; of the first draw it is the ``name`` alone."""
        return f"{name}/{self.draw}" if self.draw else name

    @property
    def who(self) -> Demographics:
        """Whose radiograph it is, as far as the prompt tells."""
        return Demographics(self.age, self.sex, self.view)


@dataclass(frozen=True)
class Lesion:
    """One instance of a finding: ``mask`` (H, W) bool, not empty."""

    finding: str
    mask: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """COCO box (x, y, width, height) in pixels, origin at the top left of the image."""
        ys, xs = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(xs[0]), int(ys[0]), int(xs[-1] - xs[0] + 1), int(ys[-1] - ys[0] + 1)


@dataclass(frozen=True)
class MaskSet:
    """Anatomy and lesions of one case on one pixel grid; structures may overlap.

    ``anatomy``: (len(ANATOMY), H, W) bool, channels in the order of :data:`synth.findings.ANATOMY`.
    """

    anatomy: np.ndarray
    lesions: tuple[Lesion, ...] = ()

    def __post_init__(self) -> None:
        if self.anatomy.dtype != bool or self.anatomy.shape[0] != len(ANATOMY):
            raise ValueError(
                f"anatomy: {self.anatomy.dtype} {self.anatomy.shape}, expected bool ({len(ANATOMY)}, H, W)"
            )

    @property
    def size(self) -> int:
        """Height, which is also the width, in pixels."""
        return int(self.anatomy.shape[-1])

    @property
    def lungs(self) -> np.ndarray:
        """(H, W) bool: both lungs."""
        return self.anatomy[0] | self.anatomy[1]

    def lesion_channels(self) -> np.ndarray:
        """(13, H, W) bool: the union of a finding's instances, channels as FINDING_NAMES."""
        out = np.zeros((len(FINDING_NAMES), *self.anatomy.shape[1:]), dtype=bool)
        for lesion in self.lesions:
            out[FINDING_NAMES.index(lesion.finding)] |= lesion.mask
        return out


@dataclass(frozen=True)
class Candidate:
    """A made radiograph before it is judged: ``image`` (H, W) uint8, brighter is denser."""

    case: Case
    masks: MaskSet
    image: np.ndarray = field(repr=False)


#: Of a batch: one mask set a case.
Cases: TypeAlias = Sequence[Case]
MaskSets: TypeAlias = Sequence[MaskSet]
