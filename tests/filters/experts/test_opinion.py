"""Maps are made when they are asked for, once."""

import numpy as np
import pytest

from filters.experts.opinion import Maps, Opinion


def test_a_map_is_made_when_it_is_first_asked_for_and_once():
    made: list[str] = []

    def maker(name: str):
        return lambda: made.append(name) or np.full((2, 2), len(made), np.float32)

    opinion = Opinion(lesions=Maps({name: maker(name) for name in ("mass", "nodule")}))
    assert list(opinion.lesions) == ["mass", "nodule"]
    assert "mass" in opinion.lesions
    assert "edema" not in opinion.lesions
    assert made == []
    assert opinion.lesions["nodule"] is opinion.lesions["nodule"]
    assert made == ["nodule"]
    with pytest.raises(KeyError):
        opinion.lesions["edema"]
