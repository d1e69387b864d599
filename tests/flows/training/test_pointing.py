"""Boxes, labels and grades become what each map is taught; a map that points well loses less."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from flows.material.films import RSNA_BOX, RealFilms
from flows.training.augment import draw_warp
from flows.training.film_lessons import Lessons, augmented, resized, together
from flows.training.grafts import cut, graft
from flows.training.labels import SPOKEN, TAUGHT, odds, targets
from flows.training.pointing import Known, Pointing, drawn, follow, known, where_loss

MASS, OPACITY, CONSOLIDATION = (SPOKEN.index(n) for n in ("mass", "opacity", "consolidation"))


def films(size=64):
    """A boxed mass, an unboxed one, a pneumonia graded an opacity with boxes, a normal film, one "other"."""
    count = 5
    box = ("Mass", 0.25, 0.5, 0.5, 0.75)
    return RealFilms(
        names=np.array([str(i) for i in range(count)]),
        images=np.random.default_rng(1).integers(0, 256, (count, size, size), np.uint8),
        patients=np.arange(count),
        ages=np.full(count, 60),
        sexes=np.array(["F", "M", "F", "M", "F"]),
        views=np.array(["PA", "AP", "PA", "AP", "PA"]),
        sides=np.array([512, 512, 512, 32, 512]),
        grades=np.array(["", "", "opacity", "normal", "other"]),
        parts=np.array(["experts"] * count),
        labels=[frozenset(s) for s in ({"Mass"}, {"Mass"}, {"Pneumonia"}, (), {"Effusion"})],
        boxes=[(box,), (), ((RSNA_BOX, 0.0, 0.0, 0.5, 0.5), (RSNA_BOX, 0.5, 0.5, 1.0, 1.0)), (), ()],
    )


def test_what_is_known_of_each_map():
    state = known(films())
    assert state[:, MASS].tolist() == [Known.BOXED, Known.SOMEWHERE] + [Known.NOWHERE] * 3
    assert state[2:, OPACITY].tolist() == [Known.BOXED, Known.NOWHERE, Known.NOWHERE]
    assert state[0, OPACITY] == Known.NOTHING  # a mass may pass for an opacity or not
    assert state[2, CONSOLIDATION] == Known.NOTHING  # nor does a pneumonia's label say
    assert (state[:, SPOKEN.index("fracture")] == Known.NOTHING).all()


def test_boxes_are_drawn_by_the_share_of_each_cell():
    masks, where = drawn(films(), 8)
    assert where[0, MASS] == 0
    assert where[1, MASS] == -1
    assert masks[where[0, MASS]].sum() == pytest.approx(4)
    assert masks[where[2, OPACITY]].sum() == pytest.approx(32)  # both boxes in one
    assert drawn(films(), 6)[0][0].sum() == pytest.approx(36 / 16)


def test_targets_believe_readers_more_than_reports():
    truth, weight = targets(films())
    k = TAUGHT.index("opacity")
    assert truth[2:, k].tolist() == [1, 0, 0]
    assert (weight[2:, k] > weight[:2, k].max()).all()
    assert weight[0, k] == 0
    assert truth[0, TAUGHT.index("mass")] == 1
    assert truth[2, TAUGHT.index("pneumonia")] == 1
    assert weight[2, TAUGHT.index("consolidation")] < 1
    assert (weight[:, TAUGHT.index("fracture")] == 0).all()
    assert odds(films()).sum() == pytest.approx(1)


def test_a_map_that_points_into_the_box_loses_less():
    state = torch.tensor([[Known.BOXED]])
    box = torch.zeros(1, 1, 8, 8)
    box[..., 2:4, 2:4] = 1
    right, wrong = torch.full((2, 1, 1, 8, 8), -4.0)
    right[..., 2:4, 2:4] = 4
    wrong[..., 5:7, 5:7] = 4
    assert where_loss(right, state, box) < where_loss(torch.full_like(right, -4.0), state, box)
    assert where_loss(right, state, box) < 0.2 * where_loss(wrong, state, box)


def test_labels_without_boxes_ask_for_a_peak_or_for_none():
    none = torch.zeros(1, 1, 8, 8)
    bright, dark = torch.full((2, 1, 1, 8, 8), -4.0)
    bright[..., 2:5, 2:5] = 4
    for state, better, worse in ((Known.SOMEWHERE, bright, dark), (Known.NOWHERE, dark, bright)):
        asked = torch.tensor([[state]])
        assert where_loss(better, asked, none) < where_loss(worse, asked, none)
    assert where_loss(bright, torch.tensor([[Known.NOTHING]]), none) == 0


def test_boxes_follow_their_films_when_these_are_warped():
    masks = np.zeros((1, 2, 16, 16), np.float32)
    masks[0, 0, 8:12, 4:8] = 1
    warp = draw_warp(np.random.default_rng(0), 1, 64, degrees=0, scale=0, shift=0, elastic=0)
    warp.grid[..., 0] *= -1  # mirrored
    inside = follow(masks, warp, 16)
    assert torch.allclose(inside.flip(-1), torch.from_numpy(masks), atol=1e-4)


def test_a_film_without_a_mass_gets_one_that_its_map_is_taught():
    pointing = Pointing.of(Lessons.of(films()))
    assert [g.finding for g in pointing.grafts] == ["mass"]
    scenes = pointing._scenes(np.array([0, 3]), np.random.default_rng(0))
    before = [a.copy() for a in (scenes.images, scenes.masks)]
    for row in (0, 1):
        scenes.add(row, pointing.grafts[0], np.random.default_rng(5))
    assert (scenes.images[0] == before[0][0]).all()  # it had one
    assert scenes.known[1, MASS] == Known.BOXED
    assert scenes.truth[1, MASS] == 1
    changed = (scenes.images[1] != before[0][1]).any(0).nonzero()[0] // 4
    boxed = scenes.masks[1, MASS].any(0).nonzero()[0]
    assert changed.min() <= boxed.min() <= boxed.max() <= changed.max()
    assert pointing.lessons.truth[3, MASS] == 0  # the lessons themselves stay as they were


def test_a_graft_adds_what_the_lesion_adds():
    side = 64
    y, x = np.mgrid[:side, :side] / side
    plane = 60 + 60 * x + 30 * y
    lump = 50 * np.exp(-(((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.05**2))
    image = (plane + lump).astype(np.uint8)
    known_film = replace(films(side).take([0]), images=image[None], boxes=[(("Nodule", 0.4, 0.4, 0.6, 0.6),)])
    (lesion,) = cut(known_film)
    assert lesion.adds.max() == pytest.approx(50, abs=4)
    assert np.abs(lesion.adds[0]).max() == 0  # fades to nothing at its edge
    dark = np.full((side, side), 80, np.uint8)
    out, (x0, y0, x1, y1) = graft(dark, lesion, np.random.default_rng(0))
    row, column = np.unravel_index(out.argmax(), out.shape)
    assert x0 < column / side < x1
    assert y0 < row / side < y1


def test_films_with_boxes_come_as_often_as_asked():
    pointing = Pointing.of(Lessons.of(films()), boxed=0.5, fine=0.3)
    assert pointing.odds[[0, 2]].sum() == pytest.approx(0.5)
    assert pointing.odds[3] == pytest.approx(0.2)


def test_a_batch_is_what_networks_take_and_repeats_by_its_seed():
    images = films().images
    (x, _), (again, _) = (augmented(images, np.random.default_rng(3)) for _ in range(2))
    assert x.shape == (5, 1, 64, 64)
    assert x.abs().max() <= 1
    assert torch.equal(x, again)


def test_films_of_two_folders_become_one_at_one_size():
    both = together([films(64), films(32)], 48)
    assert both.images.shape == (10, 48, 48)
    assert len(both.labels) == len(both.boxes) == 10
    assert resized(torch.ones(1, 1, 8, 8), 4).shape == (1, 1, 4, 4)
