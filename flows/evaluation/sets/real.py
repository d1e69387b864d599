"""The real films that generated ones are held against: of patients that nobody trained on, or any folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from flows.config.terminal import tell
from flows.evaluation.sets.films import framed, spread
from flows.material import real as generator_split
from flows.material.films import FOLDERS, RealFilms, load_real
from manifests.films.folders import find_radiographs
from synth.errors import UserError

#: The folder of the layout of shared/data whose films are large enough.
NIH = "nih"


@dataclass(frozen=True)
class RealSet:
    """``films``; whether their labels and patients are ``known``; files that were ``damaged``, each with why;
    ``about``: which films these are; ``layout``: the folder laid out like shared/data, None for another."""

    films: RealFilms
    known: bool
    damaged: tuple[str, ...]
    about: str
    layout: Path | None = None


def read_real(folder: Path, out: Path, side: int, most: int, console: Console) -> RealSet:
    """Real films at ``side`` pixels, as many as the generated ones have; borders cut, exposure normalised.

    Of a folder laid out like shared/data what neither experts, evaluators nor the generator learned from.
    Of any other all PNG, JPEG and DICOM files, ``most`` at most, each taken for a patient's only one. A file
    that cannot be read is told by name, left out and counted; UserError where nothing is left.
    """
    if not folder.is_dir():
        raise UserError(f"real: {folder} is not a folder, expected one with real films")
    data = _layout(folder)
    found = _plain(folder, out, side, most, console) if data is None else _held_out(data, side, console)
    if not len(found.films):
        why = f"; {found.damaged[0]}" if found.damaged else ""
        raise UserError(f"real: {folder} has no film that can be read, expected real films{why}")
    return found


def _layout(folder: Path) -> Path | None:
    for data in (folder, folder.parent if folder.name in FOLDERS else folder):
        if (data / NIH / "labels.csv").is_file():
            return data
    return None


def _held_out(data: Path, side: int, console: Console) -> RealSet:
    damaged: list[str] = []
    films = load_real(data, NIH, side, "test", _unseen, damaged)
    for line in damaged:
        tell(console, f"{data / NIH / 'images'}/{line}: left out")
    about = (
        f"{len(films)} films of {len(set(films.patients))} patients of {data}/{NIH}, "
        "whom neither experts, evaluators nor the image model learned from"
    )
    return RealSet(films, True, tuple(damaged), about, data)


def _unseen(row: Mapping[str, str]) -> bool:
    return generator_split.part_of(row["patient"]) != "train"


def _plain(folder: Path, out: Path, side: int, most: int, console: Console) -> RealSet:
    names = find_radiographs(folder, out)
    images, damaged = framed(folder, spread(names, most), side, console)
    count = len(images)
    films = RealFilms(
        names=np.arange(count).astype(str),
        images=images,
        patients=np.arange(count).astype(str),
        ages=np.full(count, -1),
        sexes=np.full(count, ""),
        views=np.full(count, ""),
        sides=np.full(count, side),
        grades=np.full(count, ""),
        parts=np.full(count, ""),
        labels=[frozenset()] * count,
        boxes=[()] * count,
    )
    about = f"{count} of {len(names)} films of {folder}; patients unknown, each film taken for one of its own"
    return RealSet(films, False, tuple(damaged), about)
