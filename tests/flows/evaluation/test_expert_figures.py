"""Experts that know everything, or nothing, or half get the figures that they deserve."""

import numpy as np
import pytest

from filters.opinions import Opinion
from flows.evaluation.expert_report import markdown, of_one
from flows.evaluation.experts import (
    covered,
    drawn_anew,
    findings_table,
    inside,
    listen,
    meant,
    opacity_map,
    opacity_table,
    pointing_table,
    ranked,
)
from flows.evaluation.outlines import Outlined, overlap
from flows.material.real import RealFilms

SIDE, COUNT = 16, 80


@pytest.fixture
def films():
    """Two films a patient; a quarter have a mass, boxed in a corner, and opacity; a quarter are "other".

    The mean of a film's pixels says whether it has a mass.
    """
    rng = np.random.default_rng(0)
    mass = np.arange(COUNT) % 4 == 0
    images = rng.integers(40, 60, (COUNT, SIDE, SIDE), np.uint8)
    images[mass] += 100
    return RealFilms(
        names=np.array([str(i) for i in range(COUNT)]),
        images=images,
        patients=np.arange(COUNT) // 2,
        ages=rng.integers(20, 80, COUNT),
        sexes=np.array(["F", "M"] * (COUNT // 2)),
        views=np.where(np.arange(COUNT) % 8 < 4, "PA", "AP"),
        sides=np.full(COUNT, 512),
        grades=np.array(["opacity", "normal", "other", ""] * (COUNT // 4)),
        parts=np.array(["test"] * COUNT),
        labels=[frozenset({"Mass"}) if m else frozenset() for m in mass],
        boxes=[(("Mass", 0.5, 0.0, 1.0, 0.5),) if m else () for m in mass],
    )


class Seer:
    """Knows masses, and sees them (and every opacity) at one cell."""

    name, digest, findings, structures = "seer", "", ("mass",), ()

    def __init__(self, row=2, column=12):
        self.where = row, column

    def look(self, images):
        seen = np.zeros(images.shape[1:], np.float32)
        seen[self.where] = 1
        said = [float(x.mean()) / 255 for x in images]
        return [Opinion(probabilities={"mass": p, "opacity": p}, lesions={"mass": seen}) for p in said]


def test_one_who_knows_is_ranked_first(films):
    said = listen(Seer(), films.images, batch=32)
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
        table = pointing_table(listen(Seer(row), films.images), films, lungs)
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
    row = ranked(scores, truth, films.patients)
    assert row["low"] < row["auroc"] < row["high"]
    alone = drawn_anew(np.arange(COUNT), lambda i: float(truth[i].mean()))
    twice = drawn_anew(np.repeat(np.arange(COUNT), 4), lambda i: float(np.repeat(truth, 4)[i].mean()))
    assert alone == pytest.approx(twice, abs=0.03)  # copies of a film tell no more than one


def test_silence_is_left_out(films):
    scores = np.where(np.arange(COUNT) < 40, np.nan, films.labelled("Mass").astype(float))
    assert ranked(scores, films.labelled("Mass"), films.patients)["with"] == 10


def test_the_calibrated_mean_what_they_say():
    rng = np.random.default_rng(2)
    said = rng.uniform(0, 1, 400)
    truth = rng.random(400) < said
    honest, timid = meant(said, truth), meant(said / 3, truth)
    assert honest["error"] <= honest["calibrated at most"]
    assert timid["error"] > timid["calibrated at most"]


def test_opacity_is_where_any_opacity_is_unless_there_is_a_map_of_it():
    mass, own = np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)
    assert opacity_map(Opinion(lesions={"mass": mass, "nodule": own})) is not own
    assert opacity_map(Opinion(lesions={"mass": mass, "opacity": own})) is own
    assert opacity_map(Opinion(lesions={"nodule": own})) is None


def test_overlap_with_outlines():
    bits = np.zeros((2, SIDE, SIDE), np.uint8)
    bits[0, 2, 12] = 2  # ground glass where the seer sees
    films = Outlined(["a", "b"], np.zeros((2, SIDE, SIDE), np.uint8), bits)
    figures = overlap(Seer(), films)
    assert figures["films"] == 1  # the other shows none
    assert figures["dice"] == {"0.3": 1.0, "0.5": 1.0, "0.7": 1.0}


def test_the_report_is_a_table_of_experts_that_marks_missed_bars(films):
    poor = of_one(Seer(12), films)
    figures = {"part": "test", "films": COUNT, "patients": 40}
    text = markdown(figures | {"experts": {"good": of_one(Seer(), films), "poor": poor}})
    lines = text.splitlines()
    assert lines[0].startswith("80 real films of 40 patients")
    assert "| mass (20) | 1.000 [1.00, 1.00] | 1.000 [1.00, 1.00] |" in lines
    assert "| Mass (20 films, chance 0.25) | 1.00 [1.00, 1.00] | **0.00** [0.00, 0.00] |" in lines
    assert any("at most" in line for line in lines)
    assert "| Dice of outlined opacities | – | – |" in lines
