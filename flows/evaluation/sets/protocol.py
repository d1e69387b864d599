"""CheXGenBench's protocol (Dutt et al., 2025, arXiv 2505.10496), where it defines one.

As its code has it (metrics/fid.py of its repository): features are RAD-DINO's pooled output of films
resampled to 299 pixels; FID and KID of torchmetrics, the latter of 100 subsets of as many films as the
smaller set has, here of all at once; precision, recall, density and coverage of the package prdc with k = 5;
sets as large as they are. Its real films are MIMIC-CXR's test split, one film a prompt: figures on other real
films are not those of its tables. MS-SSIM, which its paper may report besides, is not in its code.
"""

from collections.abc import Iterator

import numpy as np

from flows.evaluation.sets.fidelity import figure, refused
from flows.evaluation.sets.films import Generated
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.real import RealSet
from flows.evaluation.sets.spaces import Space
from flows.figures.distances import NEIGHBOURS
from flows.figures.fidelity import Clouds
from flows.figures.figure import Figure
from flows.figures.likeness import BOUNDS, whole_likeness

NAME = "chexgenbench"
#: Pixels a side that films are resampled to before RAD-DINO's own preparation.
RESAMPLED = 299
JUDGE = "rad_dino, CheXGenBench's protocol"
#: What its code measures besides.
_ELSE = {
    "inception": "FID, KID and Inception Score on Inception features: no weights of it ship, never it alone",
    "alignment": "image and text alignment: its model is not here",
    "reidentification": "patient re-identification: its model is not here",
}


def protocol_figures(kept: Kept, space: Space, generated: Generated, real: RealSet) -> Iterator[Figure]:
    """Its figures of all films and of each finding's."""
    ours, theirs = (
        kept.rows(space.name, space.digest, images, space.features)
        for images in (generated.images, real.films.images)
    )
    if min(len(ours), len(theirs)) <= NEIGHBOURS:
        why = f"{len(ours)} generated and {len(theirs)} real films, expected more than {NEIGHBOURS} of each"
        yield from (refused(name, JUDGE, why) for name in BOUNDS)
        return
    found = whole_likeness(Clouds(ours, theirs, np.asarray(real.films.patients)))
    for name, estimate in found.items():
        note = "all films at once; the floor is of halves, so of fewer films"
        yield figure(name, JUDGE, estimate, note=note)
    for name, why in _ELSE.items():
        yield refused(name, JUDGE, why)
