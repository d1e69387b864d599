"""The generated films that are evaluated: a build's, with what was asked for, or a folder of images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from flows.config.terminal import tell, tracked
from flows.films import read_film
from flows.material.films import SHOWN
from manifests.audit import read_manifest
from manifests.dataset import Sample, open_dataset
from manifests.errors import DatasetError
from manifests.films.files import working_image
from manifests.films.folders import find_radiographs
from manifests.image_models import shipped_model
from synth.errors import UserError
from synth.images.framing import Framed
from synth.images.radiographs import to_uint8

#: A finding and where it was asked for: x0, y0, x1, y1 in [0, 1] of the film.
Box = tuple[str, float, float, float, float]

_COLUMNS = ["key", "status", "findings", "complete", "age", "sex", "view", "width", "height", "instances"]


@dataclass(frozen=True)
class Generated:
    """M films: ``images`` (M, S, S) uint8, S at most SHOWN; arrays below are (M,).

    Of a build: ``accepted`` bool; ``ages`` float, NaN where none was asked for; ``sexes`` and ``views``, ""
    so; the ``findings`` asked for, ``complete`` bool whether these are all; the ``lungs`` (M, S, S) bool and
    the ``boxes`` of lesions asked for. A folder's films have none of these: ``asked`` is False. ``about`` is
    of them in words, ``weights`` the digests of what made and filtered them, ``model`` which image model of
    ours drew them ("" for another), ``damaged`` what is unreadable.
    """

    images: np.ndarray = field(repr=False)
    accepted: np.ndarray
    ages: np.ndarray
    sexes: np.ndarray
    views: np.ndarray
    findings: list[frozenset[str]]
    complete: np.ndarray
    lungs: np.ndarray = field(repr=False)
    boxes: list[tuple[Box, ...]]
    asked: bool
    about: str
    weights: dict[str, str] = field(default_factory=dict, repr=False)
    model: str = ""
    damaged: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def side(self) -> int:
        """Pixels."""
        return int(self.images.shape[-1])


def read_build(url: str, most: int, console: Console) -> Generated:
    """A build's accepted and rejected films, ``most`` of them at most, evenly spread over its keys.

    What is committed of an unfinished one. Raises UserError, one line, where there is no film.
    """
    dataset = open_dataset(url)
    present = [c for c in _COLUMNS if c in (table := read_manifest(dataset.store)).column_names]
    rows = {r["key"]: r for r in table.select(present).to_pylist() if r["status"] != "failed"}
    if not rows:
        raise UserError(f"{url}: all {table.num_rows} candidates failed, expected a film at least")
    chosen = spread(sorted(rows), most)
    wanted = set(chosen)
    both = chain(dataset.samples("accepted", wanted), dataset.samples("rejected", wanted))
    read = {x.key: _pictures(x) for x in tracked(both, "reading films", len(wanted), console)}
    if missing := wanted - read.keys():
        raise DatasetError(
            f"{url}: no film of {min(missing)}, expected one: `synthorax verify {url}` says more"
        )
    return _of_build(url, [read[k] for k in chosen], [rows[k] for k in chosen], len(rows), dataset.build)


def read_folder(folder: Path, most: int, out: Path, console: Console) -> Generated:
    """PNG, JPEG and DICOM files in and below a folder, each framed as real films are: borders cut, exposure
    normalised. What cannot be read is told by name, left out and counted."""
    names = find_radiographs(folder, out)
    images, damaged = framed(folder, spread(names, most), SHOWN, console)
    if not len(images):
        raise UserError(f"{folder}: none of {len(names)} files can be read, expected films; {damaged[0]}")
    count = len(images)
    return Generated(
        images=images,
        accepted=np.ones(count, bool),
        ages=np.full(count, np.nan),
        sexes=np.full(count, ""),
        views=np.full(count, ""),
        findings=[frozenset()] * count,
        complete=np.zeros(count, bool),
        lungs=np.zeros((count, 0, 0), bool),
        boxes=[()] * count,
        asked=False,
        about=f"{count} of {len(names)} images of {folder}",
        damaged=tuple(damaged),
    )


def framed(folder: Path, names: Sequence[str], side: int, console: Console) -> tuple[np.ndarray, list[str]]:
    """(N, side, side) uint8 of the files that can be read, and a line of each that cannot."""
    images, damaged = [], []
    for name in tracked(names, f"reading {folder}", len(names), console):
        try:
            images.append(Framed.of(working_image(read_film(folder / name), side)).seen)
        except DatasetError as error:
            damaged.append(str(error))
            tell(console, f"{error}: left out")
    return np.array(images, np.uint8).reshape(-1, side, side), damaged


def spread(names: Sequence[str], most: int) -> list[str]:
    """At most ``most`` of them, evenly spaced."""
    if len(names) <= most:
        return list(names)
    return [names[i] for i in np.linspace(0, len(names) - 1, most).round().astype(int)]


def _pictures(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """A film and its lungs, as 0 and 255, SHOWN pixels a side at most: all that is kept of a sample."""
    side = min(SHOWN, *sample.image.shape)
    lungs = np.where(sample.anatomy[:2].any(0), 255, 0).astype(np.uint8)
    return _at(sample.image, side), _at(lungs, side)


def _of_build(
    url: str,
    pictures: Sequence[tuple[np.ndarray, np.ndarray]],
    rows: Sequence[dict[str, Any]],
    of: int,
    build: dict[str, Any],
) -> Generated:
    accepted = np.array([r["status"] == "accepted" for r in rows])
    some = f"{len(rows)} of {of}" if len(rows) < of else f"{of}"
    return Generated(
        images=np.stack([image for image, _ in pictures]),
        accepted=accepted,
        ages=np.array([np.nan if r["age"] is None else r["age"] for r in rows], float),
        sexes=np.array([r["sex"] or "" for r in rows]),
        views=np.array([r["view"] or "" for r in rows]),
        findings=[frozenset(f["name"] for f in r["findings"]) for r in rows],
        complete=np.array([bool(r.get("complete", True)) for r in rows]),
        lungs=np.stack([lungs for _, lungs in pictures]) > 127,
        boxes=[_boxes(r) for r in rows],
        asked=True,
        about=f"{some} films of {url}, {int(accepted.sum())} accepted and {int((~accepted).sum())} rejected",
        weights=dict(build.get("weights", {})),
        model=shipped_model(build),
    )


def _at(image: np.ndarray, side: int) -> np.ndarray:
    """(side, side) uint8: smaller by the mean of areas, as real films are read."""
    if image.shape == (side, side):
        return image
    grey = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
    return to_uint8(np.asarray(grey, np.float32) / 255)


def _boxes(row: dict[str, Any]) -> tuple[Box, ...]:
    scale = np.array((row["width"], row["height"]) * 2, float)
    boxes = []
    for lesion in row["instances"]:
        x, y, w, h = lesion["bbox"]
        boxes.append((lesion["finding"], *(float(v) for v in np.array((x, y, x + w, y + h)) / scale)))
    return tuple(boxes)
