"""Prepared folders of drawn films, for trainings on them."""

from hashlib import sha256

import numpy as np

from manifests.films.prepared import PreparedFilm, PreparedFolder
from synth.cases import Lesion, MaskSet
from synth.demographics import UNKNOWN
from synth.findings import ANATOMY

SIZE, COUNT = 64, 40


def drawn(number):
    """A film that its masks tell all of: dark lungs of any height, one bright mass in the left."""
    rng = np.random.default_rng(number)
    anatomy = np.zeros((len(ANATOMY), SIZE, SIZE), bool)
    top = int(rng.integers(4, 30))
    anatomy[0, top:56, 6:28] = anatomy[1, top:56, 36:58] = True
    mass = np.zeros((SIZE, SIZE), bool)
    y = int(rng.integers(top, 46))
    mass[y : y + 8, 40:52] = True
    image = np.full((SIZE, SIZE), 180, np.uint8)
    image[anatomy.any(0)], image[mass] = 40, 250
    return PreparedFilm(
        sha256=sha256(str(number).encode()).hexdigest(),
        kind="png",
        image=image,
        masks=MaskSet(anatomy, (Lesion("mass", mass),)),
        prompt=f"Mass {number}.",
        labelled=True,
        findings=(),
        who=UNKNOWN,
        probabilities={},
        lung_score=0.9,
    )


def prepared(folder, count=COUNT):
    target, films = PreparedFolder(folder), [drawn(i) for i in range(count)]
    for film in films:
        target.write(film, None)
    target.finish({"source": f"{i}.png", **target.row(f.sha256, None)} for i, f in enumerate(films))
    return folder
