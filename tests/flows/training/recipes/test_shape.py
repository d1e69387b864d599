"""The shape model is found again from what it drew."""

import numpy as np
import pytest

from flows.training.recipes.shape import explained, fit_shape_model
from synth.demographics import Demographics
from synth.masks.anatomy import ShapeModel, rasterise
from synth.weights import SHIPPED

PEOPLE = 240


@pytest.fixture(scope="module")
def shape():
    return ShapeModel.load(SHIPPED / "shape")


@pytest.fixture(scope="module")
def drawn(shape):
    """Contours of bodies, and who they belong to."""
    rng = np.random.default_rng(0)
    people = [
        Demographics(int(rng.integers(4, 85)), ("F", "M")[i % 2], ("PA", "AP")[i // 2 % 2])
        for i in range(PEOPLE)
    ]
    return [shape.sample(rng, None, who) for who in people], people


def test_who_has_which_lungs_is_learned_from_masks(shape, drawn):
    contours, people = drawn
    lungs = np.stack([rasterise(c, 128)[:2] for c in contours])
    learned = fit_shape_model(contours[:80], lungs, people)
    assert learned.body_map[:, -4:] == pytest.approx(shape.body_map[:, -4:], abs=0.08)
    spreads = [np.sqrt((m.body_modes**2).sum(0))[-4:] for m in (learned, shape)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.25)

    share = explained(learned, lungs, people)
    assert share["height"] > 0.2, "children were among them"
    shuffled = [people[i] for i in np.random.default_rng(1).permutation(PEOPLE)]
    assert explained(learned, lungs, shuffled)["height"] < 0.05
