"""Batches: half shows something, arms mix as they say, and truths move with their films."""

import numpy as np
import torch

from flows.evaluation.downstream.arms import ARMS
from flows.evaluation.downstream.classify import Labels
from flows.evaluation.downstream.detect import Boxes
from flows.evaluation.downstream.films import Films, Lessons, varied
from flows.evaluation.downstream.segment import Outlines


def films(value, count, ill):
    truths = [Labels(np.array([i < ill]), np.array([True])) for i in range(count)]
    rows = [(np.full((32, 32), value, np.uint8), str(i), t) for i, t in enumerate(truths)]
    return Films.of(rows, 32)


def test_batches_are_balanced_and_shared():
    real, synthetic = films(0, 50, 5), films(255, 50, 40)
    lessons = Lessons.of(ARMS["real+synthetic"], real, synthetic, 0.25)
    x, truths = lessons.draw(np.random.default_rng(0), 16)
    assert x.shape == (16, 1, 32, 32)
    drawn = x[:, 0, 0, 0] == 1
    assert drawn.sum() == 4
    shows = np.array([t.classes[0] for t in truths])
    assert shows[drawn.numpy()].sum() == 2
    assert shows[~drawn.numpy()].sum() == 6
    alone, _ = Lessons.of(ARMS["synthetic"], real, synthetic, 0.25).draw(np.random.default_rng(0), 16)
    assert (alone == 1).all()


def test_films_that_all_show_something_are_drawn_all_the_same():
    lessons = Lessons.of(ARMS["real"], films(9, 3, 3), films(0, 0, 0), 0.5)
    assert len(lessons.draw(np.random.default_rng(0), 8)[1]) == 8


def test_boxes_and_outlines_move_with_the_film():
    image = torch.zeros(6, 1, 64, 64)
    image[:, :, 20:36, 12:30] = 1
    box = Boxes.of([(0, (12 / 64, 20 / 64, 30 / 64, 36 / 64))], [True])
    mask = Outlines(image[0].numpy())
    moved, truths = varied(image, [box, mask] * 3, np.random.default_rng(3))
    for x, truth in zip(moved, truths, strict=True):
        ys, xs = np.nonzero(x[0].numpy() > 0.5)
        if isinstance(truth, Boxes):
            x0, y0, x1, y1 = truth.boxes[0] * 64
            edges = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            assert np.abs(edges - (x0, y0, x1, y1)).max() <= 2.5
        else:
            seen = x[0].numpy() > 0.5
            overlap = (seen & (truth.mask[0] == 1)).sum() / (seen | (truth.mask[0] == 1)).sum()
            assert overlap > 0.85


def test_a_box_that_leaves_the_film_is_gone():
    box = Boxes.of([(0, (0.0, 0.0, 0.1, 0.1))], [True])
    grid = torch.ones(8, 8, 2)  # every pixel is the lower right corner
    assert len(box.warped(grid).boxes) == 0
    assert not box.warped(grid).classes.any()


def test_a_sliver_is_no_box():
    assert len(Boxes.of([(0, (0.2, 0.2, 0.205, 0.9))], [True]).boxes) == 0
