"""Average precision of any drawing of films is what pycocotools says of these films."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from flows.evaluation.downstream.average_precision import matched

SIZE = 64


def drawn(rng, films):
    """Boxes, and detections some of which hit."""
    truth, found = [], []
    for _ in range(films):
        corners = rng.uniform(0, 0.6, (rng.integers(0, 4), 2))
        boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.4, corners.shape)], 1)
        near = boxes[rng.random(len(boxes)) < 0.7]
        others = rng.uniform(0, 0.6, (rng.integers(0, 4), 2))
        guesses = np.concatenate(
            [near + rng.normal(0, 0.02, near.shape), np.concatenate([others, others + 0.2], 1)]
        )
        truth.append(boxes)
        found.append((guesses, rng.random(len(guesses))))
    return truth, found


def by_pycocotools(truth, found):
    """(mAP, AP50) by the library's own accumulation."""
    rows, results = [], []
    for i, (boxes, (guesses, scores)) in enumerate(zip(truth, found, strict=True)):
        for x0, y0, x1, y1 in boxes * SIZE:
            entry = {"image_id": i, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            rows.append(entry | {"id": len(rows) + 1, "area": (x1 - x0) * (y1 - y0), "iscrowd": 0})
        for (x0, y0, x1, y1), score in zip(guesses * SIZE, scores, strict=True):
            results.append(
                {"image_id": i, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": score}
            )
    images = [{"id": i, "width": SIZE, "height": SIZE} for i in range(len(truth))]
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": images,
        "annotations": rows,
        "categories": [{"id": 1, "name": "it"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        ev = COCOeval(coco, coco.loadRes(results), "bbox")
        ev.evaluate()
        ev.accumulate()
        ev.summarize()
    return ev.stats[:2]


@pytest.mark.parametrize("seed", range(4))
def test_all_films_and_films_drawn_with_repetition(seed):
    rng = np.random.default_rng(seed)
    truth, found = drawn(rng, 30)
    matches = matched(truth, found, SIZE)
    for index in (np.arange(30), rng.integers(30, size=30)):
        expected = by_pycocotools([truth[i] for i in index], [found[i] for i in index])
        given = matches.precision(index), matches.precision(index, slice(1))
        assert given == pytest.approx(tuple(expected), abs=1e-6)


def test_nothing_found_is_nought_and_no_box_is_no_figure():
    nothing = (np.zeros((0, 4)), np.zeros(0))
    one = np.array([[0.1, 0.1, 0.4, 0.4]])
    matches = matched([one, np.zeros((0, 4))], [nothing, nothing], SIZE)
    assert matches.precision(np.array([0, 1])) == 0
    assert np.isnan(matches.precision(np.array([1])))
