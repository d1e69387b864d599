"""ChestX-Det's lesions laid on real anatomies: they come without images, so each gets a body.

For every annotated image the landmark case is chosen in which lung and pleural findings lie in the
lungs, an enlarged heart on the heart, air and thickening at the chest wall and fluid at the base. Where
a finding must touch a wall, the body may also be smaller and higher or lower than it was in its own
image. Lesions are then kept in that body's lung frame.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.draw import polygon as fill

from flows.material.organs import LungSeer
from flows.material.real import Part, load_contours, part_of, require
from synth.findings import ANATOMY, FINDINGS
from synth.masks.anatomy import Contours, lung_box, rasterise

GRID = 64

#: Findings that touch the chest wall, and how much it counts that they do when a body is chosen.
WALL = {"pneumothorax": 3.0, "pleural_thickening": 2.0, "effusion": 1.5}

#: Ways to lay lesions on a body: (scale x, scale y, shift y) about the image's middle. The first is as
#: they are; larger lesions stand for smaller bodies.
POSES = tuple((sx, sy, dy) for sx in (1.0, 1.12) for sy in (1.0, 1.12, 1.25) for dy in (0.0, -0.05, 0.05))
MIDDLE = np.array([0.5, 0.45])


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
    maps = BodyMaps.of(bodies)
    rng = np.random.default_rng(seed)
    out = []
    for row in raw:
        parts = [_closed(p) for p in row["polygons"]]
        names = [s.lower().replace(" ", "_") for s in row["syms"]]
        poses = POSES if WALL.keys() & set(names) else POSES[:1]
        laid = [[_posed(p, pose) for p in parts] for pose in poses]
        scores = maps.fit(names, laid)
        scores -= 0.5 * np.abs([[np.log(sx), np.log(sy), 2 * dy] for sx, sy, dy in poses]).sum(1)[:, None]
        best = scores.argmax(0)
        body = int(rng.choice(np.argsort(scores.max(0))[-6:]))
        frame = maps.frames[body]
        points = [(p - frame[:2]) / frame[2:] for p in laid[best[body]]]
        instances = tuple(Instance(n, p) for n, p in zip(names, points, strict=True))
        out.append(Annotation(row["file_name"], body, instances))
    return out


@dataclass(frozen=True)
class BodyMaps:
    """B bodies as (B, GRID²) float maps: both lungs, the heart, and the inner rims of the lungs along
    the chest wall and along the base; ``frames`` (B, 4) are their lung boxes in [0, 1] of the image.
    """

    lungs: np.ndarray
    heart: np.ndarray
    wall: np.ndarray
    base: np.ndarray
    frames: np.ndarray

    @classmethod
    def of(cls, bodies: list[Contours]) -> "BodyMaps":
        """Rasterise every body."""
        masks = np.stack([rasterise(b, GRID) for b in bodies])
        lungs = np.asarray(masks[:, :2].any(1))
        rims = [_rims(m) for m in lungs]
        both, heart = (m.reshape(len(bodies), -1).astype(np.float32) for m in (lungs, masks[:, 2]))
        wall, base = (np.stack([r[k].ravel() for r in rims]).astype(np.float32) for k in (0, 1))
        return cls(both, heart, wall, base, np.array([lung_box(m) for m in lungs]))

    def fit(self, names: Sequence[str], laid: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """(P, B) how well lesions, ``laid`` in P poses, lie on each body; usual sizes are preferred."""
        size = self.lungs.mean(1)
        score = np.tile(-0.6 * np.abs(np.log(size / np.median(size))), (len(laid), 1))
        for name, poses in zip(names, zip(*laid, strict=True), strict=True):
            masks = np.stack([polygon_mask(p, GRID) for p in poses])
            flat = masks.reshape(len(poses), -1).astype(np.float32)
            area = flat.sum(1)[:, None] + 1e-6
            if FINDINGS[name].region == "heart":
                both = flat @ self.heart.T
                score += 3 * both / (self.heart.sum(1) + area - both + 1)
            elif FINDINGS[name].region != "bones":
                score += 2 * (flat @ self.lungs.T) / area / len(names)
            if name == "effusion":
                columns = masks.any(1).sum(1)[:, None] + 1e-6
                score += WALL[name] * np.minimum(1, flat @ self.base.T / columns) / len(names)
            elif name in WALL:
                score += WALL[name] * (flat @ self.wall.T) / area / len(names)
        return score


def _rims(lungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two (GRID, GRID) bool: lung within 2.5 pixels of the chest wall, and within 1.5 of its lower half."""
    across = np.maximum.accumulate(lungs, 1) & np.maximum.accumulate(lungs[:, ::-1], 1)[:, ::-1]
    depth = ndimage.distance_transform_edt(across)
    rows = np.flatnonzero(lungs.any(1))
    low = np.arange(GRID)[:, None] > (rows[0] + rows[-1]) / 2 if len(rows) else False
    below = np.roll(~lungs, -1, 0) & lungs
    return lungs & (depth <= 2.5), lungs & low & ((depth <= 1.5) | below)


def _posed(points: np.ndarray, pose: tuple[float, float, float]) -> np.ndarray:
    """Points scaled about the image's middle and shifted."""
    sx, sy, dy = pose
    return (points - MIDDLE) * (sx, sy) + MIDDLE + (0, dy)


def _closed(points: list) -> np.ndarray:
    return np.asarray(points, float).reshape(-1, 2) / 1024
