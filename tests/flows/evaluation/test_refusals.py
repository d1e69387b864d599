"""A threshold refuses no more boxed films than asked for."""

import numpy as np
import pytest

from flows.evaluation.experts import Said
from flows.evaluation.refusals import least
from flows.material.real import RealFilms


def test_the_stated_share_of_boxed_films_falls_below():
    count = 100
    mass = np.arange(count) < 40
    scores = np.where(mass, np.linspace(0.2, 0.8, count), 0.25)
    films = RealFilms(
        names=np.arange(count).astype(str),
        images=np.zeros((count, 4, 4), np.uint8),
        patients=np.arange(count),
        ages=np.full(count, 50),
        sexes=np.full(count, "F"),
        views=np.full(count, "PA"),
        sides=np.full(count, 512),
        grades=np.full(count, ""),
        parts=np.full(count, "evaluators"),
        labels=[frozenset({"Mass"}) if m else frozenset() for m in mass],
        boxes=[(("Mass", 0.0, 0.0, 0.5, 0.5),) if m else () for m in mass],
    )
    table = least(Said({"mass": scores}, {}), films, 0.1)
    assert list(table) == ["mass"]
    assert table["mass"]["boxed"] == 40
    assert table["mass"]["refused"] == pytest.approx(0.1, abs=0.03)
    assert table["mass"]["least"] == pytest.approx(scores[:40][3], abs=1e-3)
    assert table["mass"]["normal films that pass"] == 1.0
