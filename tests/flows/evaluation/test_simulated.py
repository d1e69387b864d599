"""Lesions drawn into real films: what changed is what was drawn, and an expert that sees change finds it."""

import numpy as np

from filters.experts.opinion import Opinion
from flows.evaluation.experts import markdown
from flows.evaluation.simulated import draw_into, simulated_figures
from flows.material.films import load_real
from synth.findings import FINDING_NAMES


class Remembers:
    """Says that masses are in every film that it was not shown as a normal one."""

    name, structures, digest, findings = "remembers", (), "", ("mass",)

    def __init__(self, normal):
        self.normal = {image.tobytes() for image in normal}

    def look(self, images):
        return [Opinion(probabilities={"mass": float(i.tobytes() not in self.normal)}) for i in images]


def test_lesions_are_drawn_into_the_same_films(shared_data):
    films = load_real(shared_data, "nih", 256, "test")
    plain = films.take(np.flatnonzero([not labels for labels in films.labels])[:12])
    (before, after), drawn = draw_into(plain.images)
    assert len(before) == len(after) == len(drawn)
    assert drawn.shape[1] == len(FINDING_NAMES)
    changed = (before != after).any((1, 2))
    assert (changed == drawn.any(1)).all()
    assert changed.mean() > 0.8
    again = draw_into(plain.images)
    assert (again[0][1] == after).all()


def test_the_table_says_that_they_are_simulated(shared_data):
    films = load_real(shared_data, "nih", 256, "test")
    plain = films.take(np.flatnonzero([not labels for labels in films.labels])[:40])
    figures = simulated_figures({"filters": Remembers(plain.images)}, plain)
    assert figures["filters"]["mass"]["auroc"] == 1.0
    assert figures["filters"]["mass"]["with"] >= 1
    told = {"part": "test", "films": 40, "patients": 40, "experts": {}, "simulated": figures}
    text = markdown(told)
    assert "## Simulated lesions, not real ones" in text
    assert f"| mass ({figures['filters']['mass']['with']}) | 1.000 |" in text
