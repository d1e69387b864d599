"""Lesions drawn into real radiographs: attenuation is added where X-rays would lose it.

One renderer a finding, each ``(scene, mask, strength, rng)`` to an image (H, W) in [0, 1].
"""

from collections.abc import Sequence

import numpy as np

from synth.cases import Lesion
from synth.findings import Severity
from synth.rendering.airspace import atelectasis, consolidation, emphysema, fibrosis
from synth.rendering.bones import fracture
from synth.rendering.focal import calcification, diffuse_nodule, mass, nodule
from synth.rendering.heart import enlarge_heart
from synth.rendering.pleural import effusion, pleural_thickening, pneumothorax
from synth.rendering.scene import Renderer, Scene, own_side

__all__ = ["RENDERERS", "STRENGTH", "Scene", "draw", "enlarge_heart"]

#: How strongly each severity attenuates, as a range that a draw is taken from.
STRENGTH: dict[Severity, tuple[float, float]] = {
    "mild": (0.55, 0.75),
    "moderate": (0.75, 1.0),
    "severe": (1.0, 1.3),
}

RENDERERS: dict[str, Renderer] = {
    "atelectasis": atelectasis,
    "calcification": calcification,
    "consolidation": consolidation,
    "diffuse_nodule": diffuse_nodule,
    "effusion": effusion,
    "emphysema": emphysema,
    "fibrosis": fibrosis,
    "fracture": fracture,
    "mass": mass,
    "nodule": nodule,
    "pleural_thickening": pleural_thickening,
    "pneumothorax": pneumothorax,
}

#: How far beyond its mask a small lesion's renderer looks, in hundredths of the film's side: it is given no
#: more of the film. The others are given all of it.
REACH: dict[str, float] = {
    "calcification": 6,
    "diffuse_nodule": 8,
    "fibrosis": 14,
    "fracture": 16,
    "nodule": 10,
    "pleural_thickening": 12,
}


def draw(scene: Scene, lesions: Sequence[Lesion], severity: Severity, rng: np.random.Generator) -> np.ndarray:
    """The radiograph with all lesions in it, (H, W) float in [0, 1]; masks as given.

    Raises ValueError for a finding that is not in RENDERERS.
    """
    for lesion in _spaces(lesions, scene):
        if lesion.finding not in RENDERERS:
            raise ValueError(f"finding: {lesion.finding!r}, expected one of {', '.join(RENDERERS)}")
        strength = rng.uniform(*STRENGTH[severity])
        rows, columns = _window(lesion, scene)
        part = RENDERERS[lesion.finding](
            scene.window(rows, columns), lesion.mask[rows, columns], strength, rng
        )
        image = scene.image.astype(np.float32)
        image[rows, columns] = np.clip(part, 0, 1)
        scene = Scene(image, scene.anatomy)
    return scene.image


def _spaces(lesions: Sequence[Lesion], scene: Scene) -> list[Lesion]:
    """The lesions, pneumothoraces of one lung as one, last: no lung collapses where other air is."""
    found = [lesion for lesion in lesions if lesion.finding != "pneumothorax"]
    air = [lesion.mask for lesion in lesions if lesion.finding == "pneumothorax"]
    for side in (0, 1):
        masks = [mask for mask in air if own_side(scene, mask) == side]
        if masks:
            found.append(Lesion("pneumothorax", np.any(masks, axis=0)))
    return found


def _window(lesion: Lesion, scene: Scene) -> tuple[slice, slice]:
    """Rows and columns that its renderer looks at; all of them where there is no mask."""
    reach = REACH.get(lesion.finding)
    if reach is None or not lesion.mask.any():
        return slice(None), slice(None)
    margin = int(np.ceil(reach * scene.scale))
    seen = [np.flatnonzero(lesion.mask.any(axis)) for axis in (1, 0)]
    rows, columns = (slice(max(0, s[0] - margin), s[-1] + margin + 1) for s in seen)
    return rows, columns
