"""Experts that know everything, or nothing, or half get the figures that they deserve."""

import numpy as np
import pytest
from mass_films import COUNT, SIDE, Seer, mass_films

from filters.experts.opinion import Opinion
from flows.figures.findings import (
    answers_of,
    bootstrap,
    calibration_error,
    covered,
    findings_table,
    inside,
    opacity_map,
    opacity_table,
    pointing_table,
    ranking,
)


@pytest.fixture
def films():
    return mass_films()


def test_one_who_knows_is_ranked_first(films):
    said = answers_of(Seer(), films.images, batch=32)
    table = findings_table(said, films)
    assert table["mass"]["rest"] == {"auroc": 1.0, "low": 1.0, "high": 1.0, "with": 20, "without": 60}
    assert table["mass"]["view"] == {"PA": 1.0, "AP": 1.0}
    assert table["mean"]["of"] == ["mass"]
    assert "nodule" not in table  # never spoken of
    opacity = opacity_table(said, films)
    assert opacity["normal"]["auroc"] == opacity["all else"]["auroc"] == 1.0
    assert opacity["normal"]["without"] == 20
    assert opacity["all else"]["without"] == 40


def test_pointing_counts_maxima_inside_boxes_beside_chance(films):
    lungs = np.zeros((COUNT, SIDE, SIDE), bool)
    lungs[:, :, 8:] = True
    for row, share in ((2, 1.0), (12, 0.0)):
        table = pointing_table(answers_of(Seer(row), films.images), films, lungs)
        assert table["Mass"]["inside"] == share
        assert table["Mass"]["films"] == 20
        assert table["Mass"]["chance of film"] == pytest.approx(0.25)
        assert table["Mass"]["chance of lungs"] == pytest.approx(0.5)
    assert list(table) == ["Mass"]


def test_boxes_hold_their_edges_and_only_their_kind():
    boxes = [("Mass", 0.5, 0.5, 1.0, 1.0)]
    assert inside((0.5, 1.0), boxes, "Mass")
    assert not inside((0.49, 0.7), boxes, "Mass")
    assert not inside((0.7, 0.7), boxes, "Nodule")
    assert covered(boxes, "Mass", 4).sum() == 4


def test_an_interval_holds_the_figure_and_is_that_of_patients(films):
    rng = np.random.default_rng(1)
    truth = films.labelled("Mass")
    scores = truth + rng.normal(0, 1.5, COUNT)
    row = ranking(scores, truth, films.patients)
    assert row["low"] < row["auroc"] < row["high"]
    alone = bootstrap(np.arange(COUNT), lambda i: float(truth[i].mean()))
    twice = bootstrap(np.repeat(np.arange(COUNT), 4), lambda i: float(np.repeat(truth, 4)[i].mean()))
    assert alone == pytest.approx(twice, abs=0.03)  # copies of a film tell no more than one


def test_silence_is_left_out(films):
    scores = np.where(np.arange(COUNT) < 40, np.nan, films.labelled("Mass").astype(float))
    assert ranking(scores, films.labelled("Mass"), films.patients)["with"] == 10


def test_the_calibrated_mean_what_they_say():
    rng = np.random.default_rng(2)
    said = rng.uniform(0, 1, 400)
    truth = rng.random(400) < said
    honest, timid = calibration_error(said, truth), calibration_error(said / 3, truth)
    assert honest["error"] <= honest["calibrated at most"]
    assert timid["error"] > timid["calibrated at most"]


def test_opacity_is_where_any_opacity_is_unless_there_is_a_map_of_it():
    mass, own = np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)
    assert opacity_map(Opinion(lesions={"mass": mass, "nodule": own})) is not own
    assert opacity_map(Opinion(lesions={"mass": mass, "opacity": own})) is own
    assert opacity_map(Opinion(lesions={"nodule": own})) is None
