"""Where an edit of a radiograph is to be carried out: on its own body, as its experts see it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

from filters.experts import outlines
from filters.experts.opinion import Opinion
from manifests.errors import DatasetError
from manifests.films.compositing import working_image
from manifests.films.originals import Original
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.demographics import UNKNOWN, Demographics
from synth.editing import Edit
from synth.findings import FINDINGS, OPACITIES
from synth.images.framing import Framed
from synth.masks.generator import MARGIN, MaskGenerator
from synth.prompts.edit_requests import LUNGS, EditRequest
from synth.seeding import numpy_generator

#: How far an opacity reaches beyond what a map holds of it, as a share of the image's side: 3 pixels of 256.
HALO = 3 / 256
#: Draws of masks until all that is to be added has found its place.
DRAWS = 8


@dataclass(frozen=True)
class Film:
    """A radiograph as read, as models see it, and as the experts do; ``anatomy`` (5, S, S) bool."""

    original: Original
    framed: Framed
    anatomy: np.ndarray
    opinion: Opinion
    who: Demographics = UNKNOWN


def plan(
    film: Film,
    request: EditRequest,
    masker: MaskGenerator,
    seed: int,
    attempt: int = 0,
    mask: np.ndarray | None = None,
) -> Edit:
    """Where a request is to be carried out on a film.

    What is removed lies where ``mask`` (H, W) bool, at the original's size, or else the experts' maps have
    it; these may reach, from the third ``attempt`` on, over the lungs that they lie in, as a finding's signs
    do; what is removed everywhere reaches over both lungs. What is added lies where the mask generator puts
    it on this body, or, alone with a mask, there.

    Raises DatasetError for a mask of the wrong shape or outside the body, and for a finding that no expert
    sees.
    """
    given = None if mask is None else _given(film, mask)
    outlined: list[Lesion] = []
    removed: list[Lesion] = []
    for name in request.remove:
        seen = outlines.outline(film.opinion, [FindingRequest(name)], True, film.anatomy).lesions
        lesions = seen if given is None else (Lesion(name, given),)
        if not lesions:
            raise DatasetError(f"{film.original.path}: {name} is seen by no expert, expected a mask of it")
        outlined += lesions
        if request.everywhere:
            lesions = (Lesion(name, np.any([*(m.mask for m in lesions), _opaque(film)], axis=0)),)
        elif attempt > 1 and given is None and FINDINGS[name].region in LUNGS:
            lesions = (Lesion(name, _lungs_of([m.mask for m in lesions], film.anatomy)),)
        removed += lesions
    asked = _placed(request, film, outlined)
    rng = numpy_generator(seed, f"attempt {attempt}", "masks")
    if asked and given is not None and not removed:
        added: tuple[Lesion, ...] = tuple(Lesion(r.name, given) for r in asked)
    else:
        added = _drawn(asked, film, masker, rng)
    return Edit(film.anatomy, tuple(removed), added, asked, film.who)


def _given(film: Film, mask: np.ndarray) -> np.ndarray:
    """A user's mask as it lies on what the models see."""
    path, shape = film.original.path, film.original.pixels.shape
    if mask.shape != shape:
        raise DatasetError(
            f"{path}: mask of {mask.shape[1]} x {mask.shape[0]}, expected {shape[1]} x {shape[0]}"
        )
    view = Original(path, "png", "", mask.astype(np.uint8) * 255, 8, (0.0, 255.0))
    size = film.framed.source.shape[0]
    seen = film.framed.mask_of(working_image(view, size) >= 0.5)
    if mask.any() and not seen.any():
        raise DatasetError(
            f"{path}: mask of {int(mask.sum())} pixels, expected at least one of the {size} x {size} that "
            "models see"
        )
    if not (seen & _chest(film.anatomy)).any():
        raise DatasetError(f"{path}: mask outside the body, expected pixels of the chest")
    return seen


def _chest(anatomy: np.ndarray) -> np.ndarray:
    """(S, S) bool: what lies between lungs, heart and clavicles, and the ribs around them."""
    margin = round(MARGIN["bones"] * anatomy.shape[-1])
    return ndimage.binary_dilation(convex_hull_image(anatomy.any(0)), iterations=margin)


def _opaque(film: Film) -> np.ndarray:
    """(S, S) bool: both lungs and what else of the chest the experts' maps of OPACITIES hold, however
    faintly, and HALO around it."""
    faint = np.zeros(film.anatomy.shape[1:], bool)
    for name in OPACITIES:
        if name in film.opinion.lesions:
            faint |= film.opinion.lesions[name] >= outlines.FAINTEST
    around = ndimage.binary_dilation(faint, iterations=max(1, round(HALO * len(faint))))
    return np.any([around & _chest(film.anatomy), *film.anatomy[:2]], axis=0)


def _lungs_of(masks: Sequence[np.ndarray], anatomy: np.ndarray) -> np.ndarray:
    """Masks and all of each lung that they touch."""
    out = np.any(masks, axis=0)
    return np.any([out, *(lung for lung in anatomy[:2] if (lung & out).any())], axis=0)


def _placed(request: EditRequest, film: Film, removed: Sequence[Lesion]) -> tuple[FindingRequest, ...]:
    """What is asked for, in the place of what is removed where one replaces the other."""
    if not request.replace or not removed:
        return request.add
    (place, *_) = outlines.requests_of([removed[0].finding], MaskSet(film.anatomy, tuple(removed)))
    return tuple(
        FindingRequest(r.name, r.side or place.side, r.zone or place.zone, r.severity) for r in request.add
    )


def _drawn(
    asked: Sequence[FindingRequest], film: Film, masker: MaskGenerator, rng: np.random.Generator
) -> tuple[Lesion, ...]:
    """Lesions of all that is asked for, of the first of DRAWS that have them: odd lungs have little room."""
    for _ in range(DRAWS if asked else 0):
        lesions = masker.sample(asked, film.anatomy, rng).lesions
        if {m.finding for m in lesions} == {r.name for r in asked}:
            return lesions
    if asked:
        raise DatasetError(
            f"{film.original.path}: no place for what is to be added, expected lungs with room for it"
        )
    return ()
