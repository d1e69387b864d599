"""Builds to score, and files of figures measured on them."""

from collections.abc import Iterable
from pathlib import Path

from flows.evaluation.scorecard.part import Source
from flows.evaluation.scorecard.parts.registry import PARTS
from flows.figures.figure import Figure, FigureFile
from manifests.measured import build_identity
from manifests.store import Store

#: What each command writes beside figures of all: groups as the commands name them.
GROUPS: dict[Source, tuple[str, ...]] = {
    "evaluation": ("all", "accepted", "finding=effusion", "finding=mass", "sex=F", "sex=M"),
    "downstream": ("arm=real, 10 % of patients", "arm=real+synthetic, 10 % of patients"),
    "study": ("all", "finding=effusion"),
}


def names_of(source: Source) -> list[str]:
    """Every figure that the scorecard waits for from one source."""
    return [t.name.replace("*", "_x_") for part in PARTS for t in part.terms if t.source == source]


def figures_of(source: Source) -> list[Figure]:
    """One of every name and group, each with another value in [0, 1)."""
    pairs = [(name, group) for name in names_of(source) for group in GROUPS[source]]
    return [
        Figure(
            name, "a judge", i / len(pairs), 0.0, 1.0, 0.5, group, {"generated": 98, "real": 761}, "a note"
        )
        for i, (name, group) in enumerate(pairs)
    ]


def write_figures(
    folder: Path, source: Source, store: Store, figures: Iterable[Figure] | None = None
) -> Path:
    """A file as the command of ``source`` writes it for that build."""
    path = folder / f"{source}.json"
    told = figures_of(source) if figures is None else tuple(figures)
    FigureFile(f"synthorax {source}", {"build": build_identity(store)}, tuple(told)).write(path)
    return path
