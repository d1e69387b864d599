"""Real films that readers are shown: of the same case mix as the synthetic ones, made ready alike.

A folder is one of three: the layout of the project's real data (``nih`` in it), of which only patients held
out are shown; a folder with ``labels.csv``, ``images`` and perhaps ``boxes.csv`` as that has them; or any
folder with radiographs, of which then neither findings nor patients are known.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flows.evaluation.study.film import Film, Overlay, boxes
from flows.figures.findings import MAPS
from flows.films import read_film
from flows.material.films import part_of
from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.files import working_image
from manifests.films.folders import find_radiographs
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.images.radiographs import border_box, crop, normalise_exposure, to_uint8
from synth.prompts.label_names import NIH

_COLUMNS = ("image", "patient", "age", "view", "findings")


@dataclass(frozen=True)
class Candidate:
    """A file that may be shown, and what is known of it; ``boxed``: kind, then x, y, w, h in its pixels."""

    path: Path
    patient: str
    labels: frozenset[str] | None = None
    view: str = ""
    age: int | None = None
    boxed: tuple[tuple[str, tuple[float, float, float, float]], ...] = ()

    @property
    def shows(self) -> frozenset[str]:
        """Our findings among its labels."""
        return frozenset(n for n, names in NIH.items() if not (self.labels or frozenset()).isdisjoint(names))


def real_films(
    there: Sequence[Candidate],
    like: Sequence[Film],
    rng: np.random.Generator,
    tell: Callable[[str], None],
    megapixels: int = MEGAPIXELS,
) -> list[Film]:
    """A film of a patient of its own for each of those that it is to be ``like``, at their size.

    A file that cannot be read is told in one line, and another takes its place.

    :raises UserError: where the folder has too few, in one line.
    """
    left = [there[i] for i in rng.permutation(len(there))]
    found: list[Film] = []
    for film in like:
        while True:
            if not left:
                raise UserError(
                    f"--real: {len(found)} films that can be shown, expected {len(like)} of as many "
                    "patients: --films asks for fewer"
                )
            best = min(left, key=lambda candidate: _distance(candidate, film))
            try:
                found.append(_ready(best, film.image.shape[0], megapixels))
            except DatasetError as error:
                tell(f"{error}; another film takes its place")
                left.remove(best)
                continue
            left = [c for c in left if c.patient != best.patient]
            break
    return found


def candidates(folder: Path, out: Path, left_out: Sequence[str] = ()) -> list[Candidate]:
    """All that may be shown of a folder, but for files of those names, in the order of their names."""
    there = _all(folder, out)
    if absent := sorted(set(left_out) - {c.path.name for c in there}):
        raise UserError(f"--leave-out {absent[0]}: not among the films of {folder}, expected a file's name")
    return [c for c in there if c.path.name not in left_out]


def _all(folder: Path, out: Path) -> list[Candidate]:
    if (folder / "nih" / "labels.csv").is_file():
        return [c for c in _labelled(folder / "nih") if part_of(c.patient) == "test"]
    if (folder / "labels.csv").is_file():
        return list(_labelled(folder))
    return [Candidate(folder / name, name) for name in find_radiographs(folder, out)]


def _labelled(folder: Path) -> Iterator[Candidate]:
    drawn: dict[str, list[tuple[str, tuple[float, float, float, float]]]] = {}
    if (folder / "boxes.csv").is_file():
        for row in _rows(folder / "boxes.csv", ("image", "finding", *"xywh")):
            box = tuple(_number(row[k], folder / "boxes.csv", k) for k in "xywh")
            drawn.setdefault(row["image"], []).append((row["finding"], (box[0], box[1], box[2], box[3])))
    for row in sorted(_rows(folder / "labels.csv", _COLUMNS), key=lambda r: r["image"]):
        yield Candidate(
            folder / "images" / Path(row["image"]).name,
            row["patient"],
            frozenset(row["findings"].split("|")) - {"No Finding", ""},
            row["view"],
            int(_number(row["age"], folder / "labels.csv", "age")) if row["age"] else None,
            tuple(drawn.get(row["image"], ())),
        )


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if absent := [c for c in columns if c not in (reader.fieldnames or ())]:
                raise UserError(f"{path}: no column {absent[0]}, expected {', '.join(columns)}")
            return [{k: v or "" for k, v in row.items() if k} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {error}, expected CSV in UTF-8") from None


def _number(text: str, path: Path, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{path}: {column} is {text[:40]!r}, expected a number") from None


def _distance(candidate: Candidate, film: Film) -> tuple[Any, ...]:
    """How far a film is from another as a case; of equals the first is taken, and their order is drawn."""
    if candidate.labels is None:
        return (0,)
    shared = bool(candidate.shows & film.shows)
    return (
        bool(candidate.labels) != film.abnormal,
        film.abnormal and not shared,
        film.abnormal and not candidate.boxed,
        candidate.view != film.view,
        0 if candidate.age is None or film.age is None else abs(candidate.age - film.age) // 10,
    )


def _ready(candidate: Candidate, size: int, megapixels: int) -> Film:
    """Read, borders cut, exposure normalised. Raises DatasetError for a file that is no frontal film."""
    original = read_film(candidate.path, megapixels)
    raw = working_image(original, size)
    frame = border_box(raw)
    height, width = original.pixels.shape
    film = Film(
        kind="real",
        source=candidate.path.name,
        image=to_uint8(normalise_exposure(crop(raw, frame))),
        shows=frozenset(),
        lacks=frozenset(),
        patient=candidate.patient,
        abnormal=bool(candidate.labels),
        view=candidate.view,
        age=candidate.age,
    )
    if candidate.labels is None:
        return film
    kinds = dict.fromkeys(MAPS.get(kind, kind) for kind, _ in candidate.boxed)
    drawn = {
        kind: boxes(
            _into(box, frame, width, height) for name, box in candidate.boxed if MAPS.get(name, name) == kind
        )
        for kind in kinds
    }
    return replace(
        film,
        shows=candidate.shows,
        lacks=frozenset(name for name in FINDING_NAMES if name in NIH) - candidate.shows,
        overlays=tuple(Overlay(kind, path) for kind, path in sorted(drawn.items())),
    )


def _into(
    box: tuple[float, float, float, float], frame: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    """A box x, y, w, h in pixels of the file as x0, y0, x1, y1 in [0, 1] of what is left of it."""
    x, y, w, h = box
    x0, y0, x1, y1 = frame
    start, span = np.array((x0, y0, x0, y0)), np.array((x1 - x0, y1 - y0, x1 - x0, y1 - y0))
    corners = np.array((x / width, y / height, (x + w) / width, (y + h) / height))
    a, b, c, d = (float(v) for v in np.clip((corners - start) / span, 0, 1))
    return a, b, c, d
