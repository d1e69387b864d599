"""Air lies on the chest wall and fluid on the base, wherever the lesion was drawn."""

import numpy as np
import pytest

from synth.masks.walls import AMPLE, Walls, against, beside, settle
from tests.synth.bodies import schematic_body

BODY = schematic_body(128)
RIGHT = BODY[0]
WALLS = Walls(BODY[0] | BODY[1])


def pocket(y: float, x: float, radius: float = 0.04) -> np.ndarray:
    ys, xs = (np.mgrid[:128, :128] + 0.5) / 128
    return ((ys - y) ** 2 + (xs - x) ** 2 < radius**2) & RIGHT


@pytest.mark.parametrize("place", [(0.3, 0.3), (0.25, 0.27), (0.5, 0.22)])
def test_a_pocket_is_pressed_against_the_chest_wall_with_its_area(place):
    drawn = pocket(*place)
    moved = against(drawn, WALLS.chest, RIGHT)
    ys, xs = np.nonzero(moved)
    wall = WALLS.chest[:, ys, xs]
    depth = np.hypot(wall[0] - ys, wall[1] - xs)
    assert depth.min() <= 1.5
    assert np.median(depth) < 0.5 * np.median(np.hypot(*(WALLS.chest[:, drawn] - np.nonzero(drawn))))
    assert 0.7 < moved.sum() / drawn.sum() < 1.4
    assert not (moved & ~RIGHT).any()


@pytest.mark.parametrize("place", [(0.3, 0.3), (0.25, 0.27), (0.5, 0.22)])
def test_a_thickening_is_shifted_to_the_wall_in_its_shape(place):
    drawn = pocket(*place)
    moved = beside(drawn, WALLS.border)
    ys, xs = np.nonzero(moved)
    wall = WALLS.border[:, ys, xs]
    depth = np.sort(np.hypot(wall[0] - ys, wall[1] - xs))
    assert depth[0] <= 1.5
    assert depth[len(depth) // 2] > 1  # it lies on the wall, not beyond
    there, here = (np.stack(np.nonzero(m)) for m in (drawn, moved))
    assert here - here.min(1, keepdims=True) == pytest.approx(there - there.min(1, keepdims=True))


def test_the_diaphragm_is_a_border_but_no_chest_wall():
    y = int(np.flatnonzero(RIGHT.any(1))[-1])
    x = int(np.flatnonzero(RIGHT[y]).mean())
    assert abs(WALLS.border[0, y, x] - y) <= 1
    assert np.hypot(WALLS.chest[0, y, x] - y, WALLS.chest[1, y, x] - x) > 3


def test_the_mediastinum_is_no_wall():
    y = 58
    x = int(np.flatnonzero(RIGHT[y])[-1])
    assert WALLS.border[1, y, x] < x - 10 or WALLS.border[1, y, x] > 64


@pytest.mark.parametrize("place", [(0.5, 0.36), (0.6, 0.3), (0.7, 0.3)])
def test_fluid_sinks_to_the_base_and_reaches_the_lateral_wall(place):
    fluid = settle(pocket(*place, 0.1), RIGHT)
    assert fluid.any()
    for x in np.flatnonzero(fluid.any(0)):
        lowest = np.flatnonzero(RIGHT[:, x])[-1]
        assert fluid[lowest, x]  # nothing of the lung lies under it
        assert np.ptp(np.flatnonzero(fluid[:, x])) + 1 == fluid[:, x].sum()
    low = int(np.flatnonzero(fluid.any(1))[len(np.flatnonzero(fluid.any(1))) // 2])
    assert fluid[low].argmax() == RIGHT[low].argmax()


@pytest.mark.parametrize("place", [(0.7, 0.22), (0.6, 0.22), (0.62, 0.3)])
@pytest.mark.parametrize("radius", [0.03, 0.06, 0.1])
def test_settled_fluid_is_hardly_more_than_was_drawn(place, radius):
    drawn = pocket(*place, radius)
    assert 0 < settle(drawn, RIGHT).sum() <= AMPLE * drawn.sum()


def test_a_small_pocket_well_above_the_base_stays_where_it_is_but_large_fluid_sinks():
    small, large = pocket(0.4, 0.25, 0.04), pocket(0.45, 0.25, 0.12)
    assert (settle(small, RIGHT) == small).all()
    assert np.nonzero(settle(large, RIGHT))[0].max() == np.flatnonzero(RIGHT.any(1))[-1]


def test_the_upper_edge_of_fluid_falls_towards_the_midline_without_a_step():
    fluid = settle(pocket(0.55, 0.22, 0.1), RIGHT)
    top = np.where(fluid.any(0), fluid.argmax(0), 128)
    columns = np.flatnonzero(fluid.any(0))
    edge = top[columns][len(columns) // 2 :]
    assert (np.diff(edge) >= 0).all()
    assert np.diff(edge).max() < 0.15 * 128


def test_nothing_stays_nothing():
    none = np.zeros_like(RIGHT)
    assert not against(none, WALLS.chest, RIGHT).any()
    assert not settle(none, RIGHT).any()
