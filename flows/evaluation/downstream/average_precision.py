"""Average precision of any drawing of films: pycocotools matches boxes once, drawings weigh the matches."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


@dataclass(frozen=True)
class Matches:
    """D detections of one class, the surest first: ``film`` (D,) of each, and whether it is a ``hit`` (T, D)
    at each of COCO's ten overlaps, 0.50 first; ``boxes`` (N,) are how many each film has."""

    film: np.ndarray
    hit: np.ndarray
    boxes: np.ndarray

    def precision(self, index: np.ndarray, overlaps: slice = slice(None)) -> float:
        """AP of the films with these indices, which may repeat, mean over ``overlaps``; NaN without a box.

        As COCO's ``accumulate`` has it: at 101 recalls the best precision at that recall or a higher one.
        """
        times = np.bincount(index, minlength=len(self.boxes)).astype(float)
        boxes = float((times * self.boxes).sum())
        if boxes == 0:
            return float("nan")
        weight = times[self.film]
        values = []
        for hit in self.hit[overlaps]:
            right = np.cumsum(weight * hit)
            share = right / np.maximum(np.cumsum(weight), np.spacing(1))
            best = np.maximum.accumulate(share[::-1])[::-1]
            place = np.searchsorted(right / boxes, np.linspace(0, 1, 101), side="left")
            values.append(
                np.where(place < len(best), np.append(best, 0)[np.minimum(place, len(best))], 0).mean()
            )
        return float(np.mean(values))


def matched(
    truth: Sequence[np.ndarray], found: Sequence[tuple[np.ndarray, np.ndarray]], size: int
) -> Matches:
    """Boxes of N films, (M, 4) corners in [0, 1], against what was found: boxes and scores of each film."""
    ev = COCOeval(_coco(truth, size), None, "bbox")
    ev.params.catIds, ev.params.imgIds = [1], list(range(len(truth)))
    ev.params.areaRng, ev.params.areaRngLbl = [[0, 1e10]], ["all"]
    ev.params.maxDets = [100]
    results = [
        {"image_id": i, "category_id": 1, "bbox": _xywh(box, size), "score": float(score)}
        for i, (boxes, scores) in enumerate(found)
        for box, score in zip(boxes, scores, strict=True)
    ]
    film, score = np.zeros(0, int), np.zeros(0)
    hit = np.zeros((len(ev.params.iouThrs), 0), bool)
    if results:
        with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does
            ev.cocoDt = ev.cocoGt.loadRes(results)
            ev.evaluate()
        told = [(i, e) for i, e in enumerate(ev.evalImgs) if e is not None]
        film = np.concatenate([np.full(len(e["dtScores"]), i) for i, e in told])
        score = np.concatenate([e["dtScores"] for _, e in told])
        hit = np.concatenate([np.asarray(e["dtMatches"]) > 0 for _, e in told], axis=1)
    order = np.argsort(-score, kind="mergesort")
    return Matches(film[order], hit[:, order], np.array([len(boxes) for boxes in truth]))


def _coco(truth: Sequence[np.ndarray], size: int) -> COCO:
    coco, rows = COCO(), list[dict[str, Any]]()
    for i, boxes in enumerate(truth):
        for box in boxes:
            x, y, w, h = _xywh(box, size)
            entry = {"image_id": i, "category_id": 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}
            rows.append({"id": len(rows) + 1, **entry})
    images = [{"id": i, "width": size, "height": size} for i in range(len(truth))]
    coco.dataset = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "it"}]}
    coco.dataset["info"] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _xywh(box: np.ndarray, size: int) -> list[float]:
    x0, y0, x1, y1 = (float(v) * size for v in box)
    return [x0, y0, x1 - x0, y1 - y0]
