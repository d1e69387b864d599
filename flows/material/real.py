"""The real material under ``--data``: read once, cropped, exposure-normalised, split by patient."""

import csv
import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from synth.errors import UserError
from synth.images.radiographs import border_box, crop, normalise_exposure, read_radiograph, to_uint8
from synth.masks.anatomy import Contours, extend_behind_heart, lung_box

Part = Literal["train", "calibration", "test"]


def part_of(patient: str) -> Part:
    """Which split a patient (or a source's own case id) belongs to: 70, 12 and 18 in 100."""
    bucket = int.from_bytes(blake2b(patient.encode(), digest_size=4).digest(), "big") % 100
    return "train" if bucket < 70 else "calibration" if bucket < 82 else "test"


@dataclass(frozen=True)
class Radiographs:
    """NIH images: ``images`` (N, S, S) uint8 after cropping and exposure normalisation.

    ``boxes[i]``: (K, 4) float, x0 y0 x1 y1 in [0, 1] of the cropped image.
    """

    names: list[str]
    images: np.ndarray
    patients: np.ndarray
    ages: np.ndarray
    sexes: np.ndarray
    views: np.ndarray
    labels: list[frozenset[str]]
    boxes: list[np.ndarray]
    parts: np.ndarray

    def where(self, part: Part) -> np.ndarray:
        """Indices of one split."""
        return np.flatnonzero(self.parts == part)

    @property
    def normal(self) -> np.ndarray:
        """(N,) bool: labelled "No Finding"."""
        return np.array([labels == {"No Finding"} for labels in self.labels])


def require(path: Path) -> Path:
    """The path, or a one-line error that says what was expected there."""
    if not path.exists():
        raise UserError(f"data: {path} not found, expected the layout of shared/data")
    return path


def load_nih(data: Path, size: int = 256) -> Radiographs:
    """All frontal radiographs of ``data/nih``, in the order of ``labels.csv``."""
    with require(data / "nih" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    boxes: dict[str, list[tuple[float, ...]]] = {}
    with require(data / "nih" / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            x, y, w, h = (float(row[k]) / 512 for k in "xywh")
            boxes.setdefault(row["image"], []).append((x, y, x + w, y + h))
    images, moved = [], []
    for row in rows:
        raw = read_radiograph(data / "nih" / "images" / row["image"], size)
        box = border_box(raw)
        images.append(to_uint8(normalise_exposure(crop(raw, box))))
        moved.append(_into(np.array(boxes.get(row["image"], ())).reshape(-1, 4), box))
    return Radiographs(
        names=[r["image"] for r in rows],
        images=np.stack(images),
        patients=np.array([r["patient"] for r in rows]),
        ages=np.array([int(r["age"]) for r in rows]),
        sexes=np.array([r["sex"] for r in rows]),
        views=np.array([r["view"] for r in rows]),
        labels=[frozenset(r["findings"].split("|")) for r in rows],
        boxes=moved,
        parts=np.array([part_of(r["patient"]) for r in rows]),
    )


def load_lungs(data: Path, size: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Human lung masks: images (N, S, S) uint8, masks (N, 2, S, S) bool right and left, names.

    The convention is V7 Labs': each lung runs behind the heart up to the spine.
    """
    from synth.masks.anatomy import split_lungs

    images, masks, names = [], [], []
    for path in sorted(require(data / "lungs" / "masks").glob("*.png")):
        image = read_radiograph(data / "lungs" / "images" / f"{path.stem}.jpg", size)
        with Image.open(path) as file:
            grey = file.convert("L").resize((size, size), Image.Resampling.BOX)
        images.append(to_uint8(normalise_exposure(image)))
        masks.append(split_lungs(np.asarray(grey) > 127))
        names.append(path.stem)
    return np.stack(images), np.stack(masks), names


def _into(boxes: np.ndarray, frame: tuple[float, float, float, float]) -> np.ndarray:
    x0, y0, x1, y1 = frame
    moved = (boxes - (x0, y0, x0, y0)) / (x1 - x0, y1 - y0, x1 - x0, y1 - y0)
    return np.clip(moved, 0, 1).astype(np.float32)


def medial_gap(data: Path) -> tuple[float, float]:
    """Midline to the medial borders in the human masks that run behind the heart, per lung width."""
    _, masks, _ = load_lungs(data, 256)
    gaps = []
    for right, left in masks:
        _, y0, width, height = (v * 256 for v in lung_box(right | left))
        rows = (y0 + np.linspace(0.25, 0.7, 10) * height).astype(int)
        edges = [
            (np.flatnonzero(right[y])[-1], np.flatnonzero(left[y])[0])
            for y in rows
            if right[y].any() and left[y].any()
        ]
        middle = np.median(np.mean(edges, 1))
        r, m = np.mean(edges, 0)
        gaps.append(((middle - r) / width, (m - middle) / width))
    right_gap, left_gap = np.mean(gaps, 0)
    return float(right_gap), float(left_gap)


def load_contours(data: Path) -> list[Contours]:
    """All landmark cases in [0, 1] of the image, lungs extended behind the heart."""
    cases = json.loads(require(data / "landmarks" / "contours.json").read_text())
    gap = medial_gap(data)
    out = []
    for case in cases.values():
        contours = {k: np.asarray(v, float) / 1024 for k, v in case.items() if v}
        out.append(extend_behind_heart(contours, gap))
    return out
