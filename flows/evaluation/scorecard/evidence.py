"""Files of figures that other commands wrote, held to the build that is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

from flows.evaluation.scorecard.experts import read_experts
from flows.evaluation.scorecard.part import Source
from flows.figures.figure import Figure, FigureFile
from manifests.measured import check_measured
from synth.errors import UserError
from synth.terminal import shown


@dataclass(frozen=True)
class EvidenceFile:
    """One file: who measured, its name without a folder, the command line as it says itself, its SHA-256."""

    source: Source
    file: str
    command: str
    sha256: str
    figures: tuple[Figure, ...]


def read_evidence(files: Mapping[Source, Sequence[Path]], identity: Mapping[str, Any]) -> list[EvidenceFile]:
    """All files by their source, in that order.

    :raises UserError: for a file that is missing, holds something else, or was measured on another build.
    """
    return [_read(source, path, identity) for source, paths in files.items() for path in paths]


def _read(source: Source, path: Path, identity: Mapping[str, Any]) -> EvidenceFile:
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(
            f"{shown(path)}: {error.strerror}, expected figures of a synthorax command"
        ) from error
    if source == "experts":  # of the networks that ship, not of a build
        command, figures = "synthorax evaluate experts", read_experts(path)
    else:
        found = FigureFile.read(path)
        if not isinstance(found.about, Mapping) or not isinstance(found.command, str):
            raise UserError(f"{shown(path)}: command, about: expected text and an object")
        check_measured(found.about, identity, str(path))
        command, figures = found.command, found.figures
    for figure in figures:
        _check(figure, path)
    return EvidenceFile(source, path.name, command, digest, figures)


def _check(figure: Figure, path: Path) -> None:
    """Anything else in a figure's place would be told as one."""
    numbers = (figure.value, figure.low, figure.high, figure.floor)
    if not all(isinstance(text, str) for text in (figure.name, figure.judge, figure.group, figure.note)):
        raise UserError(f"{shown(path)}: {shown(figure.name)}: expected text as name, judge, group and note")
    for number in numbers:
        if number is not None and not (_is_number(number) and isfinite(number)):
            raise UserError(f"{shown(path)}: {shown(figure.name)}: {shown(number)}, expected a finite number")
    counts = figure.counts
    if not (isinstance(counts, dict) and all(isinstance(n, int) for n in counts.values())):
        raise UserError(
            f"{shown(path)}: {shown(figure.name)}: counts {shown(counts)}, expected whole numbers"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
