"""Annotated lesions as the tokens that the mask generator learns, each image in several views.

The images are few: without views the network learns their outlines by heart (docs/models.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flows.material.chestxdet import Annotation, polygon_mask
from synth.findings import FINDING_NAMES
from synth.masks.lesion_sets import GRID, SEVERITIES, SIDES, TOKEN, BoxCode, OutlineCode, side_of, zone_of

#: Instances kept of an image, and its views: as it is, turned and stretched, and all of them mirrored.
MOST, VIEWS = 24, 10

#: Deviations of a view's turn (radians) and stretch (log) about each lesion's centre.
TURN, STRETCH = 0.12, 0.06

Row = tuple[int, int, int, np.ndarray]  # finding, side, zone, polygon in the lung frame


def instance_rows(annotation: Annotation) -> list[Row]:
    """The first MOST instances whose centres lie in the lung frame, but hearts."""
    rows = []
    for instance in annotation.instances:
        low, high = instance.polygon.min(0), instance.polygon.max(0)
        x, y = (low + high) / 2
        if instance.finding == "cardiomegaly" or not (-0.1 < x < 1.1 and -0.1 < y < 1.1):
            continue
        rows.append((FINDING_NAMES.index(instance.finding), side_of(x), zone_of(y), instance.polygon))
    return rows[:MOST]


def box_of(polygon: np.ndarray) -> np.ndarray:
    """(4,) centre x, centre y, log width, log height."""
    low, high = polygon.min(0), polygon.max(0)
    return np.concatenate([(low + high) / 2, np.log(np.maximum(high - low, 4e-3))])


def box_mask(polygon: np.ndarray) -> np.ndarray:
    """(GRID, GRID) bool: the polygon in its own box."""
    low, high = polygon.min(0), polygon.max(0)
    return polygon_mask((polygon - low) / np.maximum(high - low, 1e-6), GRID)


def severities(images: Sequence[Sequence[Row]], size: int = 96) -> list[dict[int, int]]:
    """Per image and finding, the tercile of the finding's whole area among the images that have it."""
    totals: list[dict[int, float]] = []
    for rows in images:
        total: dict[int, float] = {}
        for finding, *_, polygon in rows:
            total[finding] = total.get(finding, 0) + polygon_mask(polygon, size).sum()
        totals.append(total)
    cuts = {
        f: np.quantile([t[f] for t in totals if f in t], np.arange(1, len(SEVERITIES)) / len(SEVERITIES))
        for f in {f for t in totals for f in t}
    }
    return [{f: int(np.searchsorted(cuts[f], v)) for f, v in total.items()} for total in totals]


def fit_codes(images: Sequence[Sequence[Row]]) -> tuple[BoxCode, OutlineCode]:
    """The codes of boxes and outlines of all instances."""
    boxes: dict[tuple[int, int], list[np.ndarray]] = {}
    for rows in images:
        for finding, side, _, polygon in rows:
            boxes.setdefault((finding, side), []).append(box_of(polygon))
    outlines = OutlineCode.fit([box_mask(p) for rows in images for *_, p in rows])
    return BoxCode.fit({kind: np.array(several) for kind, several in boxes.items()}), outlines


@dataclass(frozen=True)
class LesionTokens:
    """N images in V views: ``tokens`` (V, N, MOST, TOKEN) float; ``kinds`` (V, N, MOST, 4) int, indices
    of finding, side, zone and severity; ``body`` (V, N, BODY) float; ``absent`` (N, MOST) bool, padding.
    """

    tokens: Tensor
    kinds: Tensor
    body: Tensor
    absent: Tensor

    @classmethod
    def of(
        cls,
        images: Sequence[Sequence[Row]],
        grades: Sequence[dict[int, int]],
        body: np.ndarray,
        codes: tuple[BoxCode, OutlineCode],
        views: int,
        rng: np.random.Generator,
    ) -> "LesionTokens":
        """Encode images with severities and ``body`` numbers (N, BODY); the first view is as they are."""
        boxes, outlines = codes
        tokens = np.zeros((views, len(images), MOST, TOKEN), np.float32)
        kinds = np.zeros((views, len(images), MOST, 4), np.int64)
        absent = np.ones((len(images), MOST), bool)
        bodies = np.stack([body] * views).astype(np.float32)
        for view in range(views):
            mirror = view % 2 == 1
            bodies[view, :, 2] *= -1 if mirror else 1  # the right lung's share
            for i, (rows, grade) in enumerate(zip(images, grades, strict=True)):
                for j, (finding, side, zone, polygon) in enumerate(rows):
                    points = turned(polygon, rng) if view > 1 else polygon
                    if mirror:
                        points, side = points * (-1, 1) + (1, 0), len(SIDES) - 1 - side
                    tokens[view, i, j, :4] = boxes.encode(box_of(points), finding, side)
                    tokens[view, i, j, 4:] = outlines.encode(box_mask(points))
                    kinds[view, i, j] = finding, side, zone, grade[finding]
                    absent[i, j] = False
        return cls(*(torch.from_numpy(v) for v in (tokens, kinds, bodies, absent)))


def turned(polygon: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A (P, 2) polygon turned and stretched a little about its centre."""
    angle, centre = rng.normal(0, TURN), polygon.mean(0)
    cos, sin = np.cos(angle), np.sin(angle)
    stretch = np.exp(rng.normal(0, STRETCH, 2))
    return (polygon - centre) @ np.array([[cos, sin], [-sin, cos]]) * stretch + centre
