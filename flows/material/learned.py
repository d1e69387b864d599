"""Which real films an image model of ours learned from, and which it never met."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from filters.experts.embedded import CHECKPOINTS
from filters.experts.embedding import INDEX, TrainingIndex
from flows.material import real as best_split
from flows.material.films import FOLDERS, part_of

Row = Mapping[str, str]


@dataclass(frozen=True)
class Learned:
    """Rows of ``labels.csv`` in ``folders`` of the real data that a ``model`` ``learned`` from, and those of
    the first folder whose patients are ``unseen`` by it."""

    model: str
    folders: tuple[str, ...]
    learned: Callable[[Row], bool]
    unseen: Callable[[Row], bool]


def teaches(patient: str) -> bool:
    """Whether the fast image model may learn from a patient: from all but those who test."""
    return part_of(patient) != "test"


def learned_by(model: str) -> Learned:
    """Of ``images.model``, fast or best: of the latter the films are those of the index that ships."""
    if model == "fast":
        return Learned(
            model,
            tuple(FOLDERS),
            lambda row: teaches(row["patient"]),
            lambda row: not teaches(row["patient"]),
        )
    names = frozenset(TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX).names)
    return Learned(
        model,
        ("nih",),
        lambda row: row["image"] in names,
        lambda row: best_split.part_of(row["patient"]) != "train",
    )
