"""Organs against human outlines: what is seen where it was outlined scores 1, elsewhere 0."""

import numpy as np
import pytest

from filters.experts.opinion import Opinion
from flows.evaluation.organs import dices, of, organ_of
from synth.errors import WeightsError


class Seer:
    name, structures, digest, findings = "seer", ("right_lung", "heart"), "", ()

    def look(self, images):
        seen = (images / np.float32(255))[:, None].repeat(2, 1)
        return [Opinion(structures=self.structures, anatomy=each) for each in seen]


def test_an_organ_is_where_its_map_says_more_than_a_half():
    images = np.zeros((2, 8, 8), np.uint8)
    images[1, 2:4, 2:4] = 255
    seen = organ_of(Seer(), images, "heart")
    assert (seen == (images > 0)).all()
    assert dices(seen[1:], images[1:] > 0).tolist() == [1.0]
    with pytest.raises(WeightsError, match=r"seer speaks of \('right_lung', 'heart'\), expected left_lung"):
        organ_of(Seer(), images, "left_lung")


def test_figures_tell_how_many_and_the_worst():
    assert of(np.array([1.0, 0.5])) == {"films": 2, "mean": 0.75, "worst": 0.5}
