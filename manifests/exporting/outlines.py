"""Outlines of masks: rings along the pixels' edges, and one polygon of several rings.

A ring is (N, 2) int, x and y of corners between pixels: pixel (x, y) reaches from (x, y) to (x + 1, y + 1).
Edges are level or upright in turn. The mask lies to the right of the way (y points down), so that outer
rings run clockwise on the screen and the rings of holes the other way. Pixels that only touch at a corner
are two parts.
"""

from collections import defaultdict

import numpy as np
from PIL import Image, ImageDraw

#: Steps by direction: right, down, left, up.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def rings(mask: np.ndarray) -> list[np.ndarray]:
    """All rings of an (H, W) bool mask, in the order of their topmost, leftmost corners."""
    leaving = _edges(mask)
    found = []
    for start in sorted(leaving, key=lambda corner: (corner[1], corner[0])):
        while leaving.get(start):
            found.append(_walk(leaving, start))
    return found


def parts(mask: np.ndarray) -> list[list[np.ndarray]]:
    """For each part of the mask its outer ring, then those of its holes."""
    found = rings(mask)
    outer = [ring for ring in found if _area(ring) > 0]
    groups = [[ring] for ring in outer]
    for hole in found:
        if _area(hole) < 0:
            around = [group for group in groups if _is_around(group[0], hole)]
            min(around, key=lambda group: _area(group[0])).append(hole)
    return groups


def joined(some: list[np.ndarray]) -> np.ndarray:
    """One closed polygon of an outer ring and its holes', each hung on what lies to the left of its leftmost
    corner by a level way there and back, which runs inside the mask (Eberly, Triangulation by Ear Clipping).

    Filled by the even-odd rule it covers what the rings do: ways that are gone twice enclose nothing.
    """
    whole = some[0]
    for ring in sorted(some[1:], key=lambda r: tuple(r[_leftmost(r)])):
        ring = np.roll(ring, -_leftmost(ring), axis=0)
        at, corner = _left_of(whole, ring[0])
        whole = np.concatenate([whole[: at + 1], [corner], ring, ring[:1], [corner], whole[at + 1 :]])
    return whole


def chained(some: list[np.ndarray]) -> np.ndarray:
    """One closed polygon of several, each hung on the nearest of those before it by a way there and back: for
    formats that know one polygon a lesion. The ways run outside the mask, and whoever draws them loses there.
    """
    whole, waiting = some[0], list(some[1:])
    while waiting:
        gaps = [_nearest(whole, ring) for ring in waiting]
        best = min(range(len(waiting)), key=lambda i: gaps[i][0])
        _, at, start = gaps[best]
        ring = np.roll(waiting.pop(best), -start, axis=0)
        whole = np.concatenate([whole[: at + 1], ring, ring[:1], whole[at:]])
    return whole


def inner(ring: np.ndarray) -> np.ndarray:
    """The ring through the outermost pixels themselves, as (N, 2) int indices: half a pixel further in."""
    ways = np.sign(np.roll(ring, -1, axis=0) - ring)  # of the edge that leaves each corner
    inward = np.stack([-ways[:, 1], ways[:, 0]], 1)  # to the right of the way
    return (2 * ring + inward + np.roll(inward, 1, axis=0) - 1) // 2


def filled(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: pixels in a polygon of pixel indices and on its edges, as drawing libraries fill it."""
    picture = Image.new("1", (shape[1], shape[0]))
    points = [(int(x), int(y)) for x, y in polygon]
    draw = ImageDraw.Draw(picture)
    if len(points) > 2:
        draw.polygon(points, fill=1)
    draw.line([*points, points[0]], fill=1)
    return np.asarray(picture)


def _edges(mask: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Corner to the directions of the edges that leave it, the mask on their right."""
    padded = np.pad(mask, 1).astype(np.int8)
    leaving: dict[tuple[int, int], list[int]] = defaultdict(list)
    level, upright = np.diff(padded, axis=0), np.diff(padded, axis=1)
    for direction, where, ends in (
        (0, level == 1, (0, 0)),
        (2, level == -1, (1, 0)),
        (3, upright == 1, (0, 1)),
        (1, upright == -1, (0, 0)),
    ):
        rows, columns = np.nonzero(where)
        # An edge between padded rows r and r + 1 lies at y = r; in padded column c, from x = c - 1 to c.
        xs, ys = (columns - 1, rows) if direction in (0, 2) else (columns, rows - 1)
        for x, y in zip((xs + ends[0]).tolist(), (ys + ends[1]).tolist(), strict=True):
            leaving[x, y].append(direction)
    return leaving


def _walk(leaving: dict[tuple[int, int], list[int]], start: tuple[int, int]) -> np.ndarray:
    """The corners where one ring turns; its edges are taken out of ``leaving``."""
    at, before, corners = start, -1, []
    while True:
        choices = leaving[at]
        # Where two pixels touch at a corner, the right turn stays with the pixel at hand.
        turn = (before + 1) % 4 if before >= 0 and (before + 1) % 4 in choices else choices[0]
        choices.remove(turn)
        if turn != before:
            corners.append(at)
        at, before = (at[0] + _STEPS[turn][0], at[1] + _STEPS[turn][1]), turn
        if at == start and (before + 1) % 4 not in leaving[at]:
            break
    return np.array(corners)


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def _is_around(ring: np.ndarray, hole: np.ndarray) -> bool:
    """Whether a hole's first pixel, below and right of its topmost corner, lies inside an outer ring."""
    x, y = hole[np.lexsort((hole[:, 0], hole[:, 1]))[0]] + (0.5, 0.5)
    x0, y0 = ring.T
    y1 = np.roll(y0, -1)
    upright = (y0 != y1) & (np.minimum(y0, y1) < y) & (np.maximum(y0, y1) > y) & (x0 < x)
    return bool(upright.sum() % 2)


def _leftmost(ring: np.ndarray) -> int:
    return int(np.lexsort((ring[:, 1], ring[:, 0]))[0])


def _left_of(polygon: np.ndarray, corner: np.ndarray) -> tuple[int, np.ndarray]:
    """Where a polygon first comes level with a corner, seen to the left: after which of its own corners."""
    x, y = corner
    start, end = polygon, np.roll(polygon, -1, axis=0)
    low, high = np.minimum(start, end), np.maximum(start, end)
    reached = np.where((low[:, 1] <= y) & (y <= high[:, 1]) & (low[:, 0] <= x), np.minimum(high[:, 0], x), -1)
    at = int(reached.argmax())
    return at, np.array([reached[at], y])


def _nearest(a: np.ndarray, b: np.ndarray) -> tuple[float, int, int]:
    """Squared distance and indices of the nearest corners of two rings."""
    gaps = ((a[:, None] - b[None]) ** 2).sum(-1)
    i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
    return float(gaps[i, j]), int(i), int(j)
