"""Films with masses drawn in a corner, and an expert that knows them: for figures of experts."""

import numpy as np

from filters.experts.opinion import Opinion
from flows.material.films import RealFilms

SIDE, COUNT = 16, 80


def mass_films():
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
