"""Who learns from which films: arms, nested fractions of the real training patients, and who is held out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from typing import Final

import numpy as np

from flows.material.real import part_of

#: The whole of the patients.
ALL: Final = 100


@dataclass(frozen=True)
class Arm:
    """What an arm learns from: real films, synthetic ones, either or both classically augmented."""

    real: bool
    synthetic: bool
    augmented: bool


def _arm(name: str) -> Arm:
    words = name.split("+")
    return Arm("real" in words, "synthetic" in words, "augmented" in words)


ARM_NAMES: Final = (
    "real",
    "real+augmented",
    "synthetic",
    "synthetic+augmented",
    "real+synthetic",
    "real+synthetic+augmented",
)
#: The arms by their names.
ARMS: Final = {name: _arm(name) for name in ARM_NAMES}


def held_out(patients: Iterable[str]) -> np.ndarray:
    """(N,) bool: whose films test and never train: patients that the shipped generator did not learn from.

    Else synthetic films, and with them their arms, would carry something of the test patients.
    """
    return np.array([part_of(patient) != "train" for patient in patients], bool)


def nested(patients: Iterable[str], percent: int, seed: int) -> frozenset[str]:
    """``percent`` of the patients, one at least; with the same seed more percent hold all of fewer."""
    names = sorted(set(patients), key=lambda name: (_rank(name, seed), name))
    return frozenset(names[: ceil(len(names) * percent / 100)])


def fold_of(patient: str, folds: int) -> int:
    """Which of ``folds`` parts a patient is tested in, where the same patients also train."""
    return int.from_bytes(_rank(patient, -1), "big") % folds


def _rank(patient: str, seed: int) -> bytes:
    return blake2b(f"downstream/{seed}/{patient}".encode(), digest_size=8).digest()


@dataclass(frozen=True)
class Run:
    """One training: an arm, ``percent`` of the real training patients (0 where none is asked), seed and
    backbone."""

    arm: str
    percent: int
    seed: int
    backbone: str

    @property
    def cell(self) -> tuple[str, int, str]:
        """What its seeds share."""
        return self.arm, self.percent, self.backbone

    def __str__(self) -> str:
        """Its folder's name."""
        real = f"-{self.percent}" if self.percent else ""
        return f"{self.arm}{real}-{self.backbone}-{self.seed}"


def planned(
    arms: Sequence[str], fractions: Sequence[int], seeds: Sequence[int], backbones: Sequence[str]
) -> Iterator[Run]:
    """All runs of a comparison, seed by seed: whoever stops early has whole seeds."""
    for seed in seeds:
        for backbone in backbones:
            for arm in arms:
                for percent in percents(arm, fractions):
                    yield Run(arm, percent, seed, backbone)


def percents(arm: str, fractions: Sequence[int]) -> tuple[int, ...]:
    """The fractions that an arm is trained at; one without real films has none of them."""
    return tuple(sorted(fractions)) if ARMS[arm].real else (0,)
