"""Real films with what is known of each, and which of them who may learn from: one split, by patient."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from flows.material.real import require
from synth.images.radiographs import border_box, crop, normalise_exposure, read_radiograph, to_uint8

Part = Literal["experts", "evaluators", "test"]

#: Of 100 patients, how many each part has. Experts learn from ``experts`` alone and evaluators from
#: ``evaluators`` alone; each is calibrated, and the experts' thresholds are set, on films of the other's;
#: nothing is fitted to ``test``, on which both are measured.
PARTS: Final[dict[Part, int]] = {"experts": 55, "evaluators": 25, "test": 20}

#: Under which name boxes of the RSNA challenge stand in ``boxes.csv``.
RSNA_BOX = "Lung Opacity"

#: Folders of shared/data, and how many pixels a side their films have.
FOLDERS: Final = {"nih": 512, "nih128": 128}

#: Pixels a side that experts are shown films at when they are measured: what generated radiographs have.
SHOWN: Final = 256

Box = tuple[str, float, float, float, float]


def part_of(patient: str) -> Part:
    """Which part a patient belongs to, whichever folder a film of theirs is in."""
    bucket = int.from_bytes(blake2b(f"real/{patient}".encode(), digest_size=4).digest(), "big") % 100
    for part, share in PARTS.items():
        if bucket < share:
            return part
        bucket -= share
    raise AssertionError("the parts add up to 100")


@dataclass(frozen=True)
class RealFilms:
    """N films: ``images`` (N, S, S) uint8, borders cut and exposure normalised; arrays below are (N,).

    ``sides`` are the stored films' pixels a side. ``grades`` are RSNA's, "normal", "other", "opacity", or ""
    where none was given. ``labels`` are NIH's, mined from reports, without "No Finding". ``boxes`` are
    radiologists': NIH's name of the finding (or RSNA_BOX), x0, y0, x1, y1 in [0, 1] of the cropped film.
    """

    names: np.ndarray
    images: np.ndarray
    patients: np.ndarray
    ages: np.ndarray
    sexes: np.ndarray
    views: np.ndarray
    sides: np.ndarray
    grades: np.ndarray
    parts: np.ndarray
    labels: list[frozenset[str]]
    boxes: list[tuple[Box, ...]]

    def __len__(self) -> int:
        return len(self.names)

    def where(self, part: Part) -> np.ndarray:
        """Indices of one part's films."""
        return np.flatnonzero(self.parts == part)

    def labelled(self, *names: str) -> np.ndarray:
        """(N,) bool: NIH's label is any of these."""
        return np.array([not labels.isdisjoint(names) for labels in self.labels], bool)

    def boxed(self, *names: str) -> np.ndarray:
        """(N,) bool: a radiologist boxed any of these."""
        return np.array([any(b[0] in names for b in boxes) for boxes in self.boxes], bool)

    def take(self, chosen: Sequence[int] | np.ndarray) -> "RealFilms":
        """Some of them, by index."""
        index = np.asarray(chosen, int)

        def some(value: Any) -> Any:
            return value[index] if isinstance(value, np.ndarray) else [value[i] for i in index]

        return RealFilms(**{f.name: some(getattr(self, f.name)) for f in fields(self)})


def load_real(
    data: Path,
    folder: str,
    size: int,
    part: Part | None = None,
    keep: Callable[[Mapping[str, str]], bool] = lambda row: True,
    damaged: list[str] | None = None,
) -> RealFilms:
    """The films of ``data/folder``, one of FOLDERS, of one part or all, at ``size`` pixels a side.

    Only rows of ``labels.csv`` to ``keep``. Files that cannot be read are an error or, with ``damaged``, left
    out and put into it by name, with the reason.
    """
    with require(data / folder / "labels.csv").open(newline="") as file:
        listed = [r for r in csv.DictReader(file) if part in (None, part_of(r["patient"]))]
    grades, drawn = _grades(data / folder), _boxes(data / folder, FOLDERS[folder])
    images, boxes = np.zeros((len(listed), size, size), np.uint8), []
    rows: list[dict[str, str]] = []
    for row in (r for r in listed if keep(r)):
        try:
            images[len(rows)], frame = film(data / folder / "images" / row["image"], size)
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises of damaged files
            if damaged is None:
                raise
            damaged.append(f"{row['image']}: {error}")
            continue
        boxes.append(tuple(_into(b, frame) for b in drawn.get(row["image"], ())))
        rows.append(row)
    return RealFilms(
        names=np.array([r["image"] for r in rows]),
        images=images[: len(rows)],
        patients=np.array([r["patient"] for r in rows]),
        ages=np.array([int(r["age"]) for r in rows]),
        sexes=np.array([r["sex"] for r in rows]),
        views=np.array([r["view"] for r in rows]),
        sides=np.full(len(rows), FOLDERS[folder]),
        grades=np.array([r.get("rsna") or grades.get(r["image"], "") for r in rows]),
        parts=np.array([part_of(r["patient"]) for r in rows]),
        labels=[frozenset(r["findings"].split("|")) - {"No Finding"} for r in rows],
        boxes=boxes,
    )


def film(path: Path, size: int) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """A film as every expert is shown it, (size, size) uint8, and which part of the stored one that is."""
    raw = read_radiograph(path, size)
    frame = border_box(raw)
    return to_uint8(normalise_exposure(crop(raw, frame))), frame


def _grades(folder: Path) -> dict[str, str]:
    if not (folder / "rsna.csv").exists():
        return {}
    with (folder / "rsna.csv").open(newline="") as file:
        return {r["image"]: r["rsna"] for r in csv.DictReader(file)}


def _boxes(folder: Path, side: int) -> dict[str, list[Box]]:
    """Boxes by image, as fractions of the stored film's ``side``."""
    boxes: dict[str, list[Box]] = {}
    if (folder / "boxes.csv").exists():
        with (folder / "boxes.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                x, y, w, h = (float(row[k]) / side for k in "xywh")
                boxes.setdefault(row["image"], []).append((row["finding"], x, y, x + w, y + h))
    return boxes


def _into(box: Box, frame: tuple[float, float, float, float]) -> Box:
    name, *corners = box
    x0, y0, x1, y1 = frame
    start, span = np.array((x0, y0, x0, y0)), np.array((x1 - x0, y1 - y0, x1 - x0, y1 - y0))
    a, b, c, d = (float(v) for v in np.clip((np.array(corners) - start) / span, 0, 1))
    return name, a, b, c, d
