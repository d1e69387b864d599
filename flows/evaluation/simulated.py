"""What experts say of lesions drawn into real films: how drawings look to those who know real ones.

No figure here is about a real lesion.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from filters.experts.opinion import Expert
from flows.figures.findings import answers_of
from flows.figures.ranking import auroc
from flows.material.films import RealFilms
from flows.material.scenes import simulate
from flows.material.trained import expert_anatomy
from synth.findings import FINDING_NAMES
from synth.images.radiographs import to_uint8
from synth.masks.generator import MaskGenerator
from synth.rendering import Scene
from synth.seeding import numpy_generator
from synth.weights import SHIPPED

#: Normal films that lesions are drawn into, at most, and the seed of all drawings.
FILMS, SEED = 240, 91
#: Least cardiac and lung share of the film: where the anatomy expert sees less, nothing can be drawn.
SEEN: Final = 0.02


def simulated_figures(experts: Mapping[str, Expert], films: RealFilms) -> dict[str, Any]:
    """Of each expert, by finding: AUROC of its probability in films with the simulated finding against the
    same normal films without any, and in how many it was drawn; and the ``mean`` over findings."""
    plain = np.flatnonzero(
        [not labels and grade != "opacity" for labels, grade in zip(films.labels, films.grades, strict=True)]
    )
    images, drawn = draw_into(films.images[plain[:FILMS]])
    return {name: _figures(expert, images, drawn) for name, expert in experts.items()}


def draw_into(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Films (N, S, S) uint8 as they are and with one to three lesions, (2, M, S, S); and what was drawn,
    (M, 13) bool, channels as FINDING_NAMES. Films without lungs and heart are left out."""
    masker, bodies = MaskGenerator.load(SHIPPED / "masks"), expert_anatomy(SHIPPED, images)
    before, after, drawn = [], [], []
    for i in np.flatnonzero((bodies.mean((2, 3))[:, :3] > SEEN).all(1)):
        rng = numpy_generator(SEED, f"{i:06d}", "simulate")
        scene, lesions, _ = simulate(Scene(images[i] / np.float32(255), bodies[i]), masker, rng)
        before.append(images[i])
        after.append(to_uint8(scene.image))
        drawn.append([any(m.finding == name for m in lesions) for name in FINDING_NAMES])
    return np.stack([np.stack(before), np.stack(after)]), np.array(drawn)


def _figures(expert: Expert, images: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    without, with_lesions = (answers_of(expert, some).probabilities for some in images)
    rows: dict[str, Any] = {}
    for k, name in enumerate(FINDING_NAMES):
        if name not in without or not drawn[:, k].any():
            continue
        scores = np.concatenate([with_lesions[name][drawn[:, k]], without[name]])
        truth = np.arange(len(scores)) < drawn[:, k].sum()
        rows[name] = {"auroc": round(auroc(scores, truth), 3), "with": int(drawn[:, k].sum())}
    if rows:
        rows["mean"] = {
            "auroc": round(float(np.mean([row["auroc"] for row in rows.values()])), 3),
            "of": len(rows),
        }
    return rows
