"""ChestX-Det's lesions laid on real anatomies: they come without images, so each gets a body.

For every annotated image the landmark case is chosen in which lung and pleural findings lie in the
lungs and an enlarged heart on the heart; lesions are then kept in that body's lung frame.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from skimage.draw import polygon as fill

from flows.training.data import Part, part_of, require
from flows.training.organs import LungSeer
from flows.training.shape import load_contours
from synth.anatomy import Contours, lung_box, rasterise
from synth.findings import ANATOMY, FINDINGS

GRID = 64


@dataclass(frozen=True)
class Instance:
    """One annotated lesion; ``polygon`` (P, 2) as x, y in the lung frame of the chosen body."""

    finding: str
    polygon: np.ndarray


@dataclass(frozen=True)
class Annotation:
    """All lesions of one image and the body that they were laid on."""

    name: str
    body: int
    instances: tuple[Instance, ...]

    @property
    def part(self) -> Part:
        """Its split, by file name: the source has no patient ids."""
        return part_of(self.name)


def polygon_mask(points: np.ndarray, size: int) -> np.ndarray:
    """(size, size) bool of a polygon in [0, 1] of the image."""
    out = np.zeros((size, size), bool)
    rows, cols = fill(points[:, 1] * size - 0.5, points[:, 0] * size - 0.5, (size, size))
    out[rows, cols] = True
    return out


def load_bodies(data: Path) -> list[Contours]:
    """The landmark cases, hearts and clavicles completed by regression where they are absent."""
    cases = load_contours(data)
    seer = LungSeer.fit(cases)
    none = {n: np.zeros((3, 2)) for n in ANATOMY}
    return [seer.expect(rasterise(none | c, 96)[:2]) | c for c in cases]


def load_annotations(data: Path, bodies: list[Contours], seed: int = 0) -> list[Annotation]:
    """Every annotated image with a body; normal ones are left out."""
    raw = json.loads(require(data / "chestx_det" / "lesions.json").read_text())
    raw = [r for r in raw if r["syms"]]
    masks = np.stack([rasterise(b, GRID) for b in bodies]).reshape(len(bodies), len(ANATOMY), -1)
    lungs = (masks[:, 0] | masks[:, 1]).astype(np.float32)
    hearts = masks[:, 2].astype(np.float32)
    size = lungs.mean(1)
    frames = [np.array(lung_box(m.reshape(GRID, GRID) > 0)) for m in lungs]
    rng = np.random.default_rng(seed)
    out = []
    for row in raw:
        parts = [_closed(p) for p in row["polygons"]]
        names = [s.lower().replace(" ", "_") for s in row["syms"]]
        score = -0.6 * np.abs(np.log(size / np.median(size)))
        for name, points in zip(names, parts, strict=True):
            flat = polygon_mask(points, GRID).ravel().astype(np.float32)
            if FINDINGS[name].region == "heart":
                both = hearts @ flat
                score += 3 * both / (hearts.sum(1) + flat.sum() - both + 1)
            elif FINDINGS[name].region != "bones":
                score += 2 * (lungs @ flat) / (flat.sum() + 1e-6) / len(names)
        body = int(rng.choice(np.argsort(score)[-6:]))
        frame = frames[body]
        instances = tuple(Instance(n, (p - frame[:2]) / frame[2:]) for n, p in zip(names, parts, strict=True))
        out.append(Annotation(row["file_name"], body, instances))
    return out


def _closed(points: list) -> np.ndarray:
    return np.asarray(points, float).reshape(-1, 2) / 1024
