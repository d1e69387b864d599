"""A radiograph edited from file to file: read, seen by the experts, edited several times, the best kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

from filters import pseudo_masks
from filters.opinions import Expert, Opinion
from filters.pseudo_masks import LEAST_LUNG_SCORE
from manifests.compositing import restore, working_image
from manifests.errors import DatasetError
from manifests.originals import Original
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.demographics import UNKNOWN, Demographics
from synth.edit_requests import EditRequest
from synth.editing import Edit, Editor
from synth.findings import FINDINGS
from synth.framing import Framed
from synth.imagers import ShouldStop
from synth.masks import MARGIN, MaskGenerator
from synth.radiographs import crop, to_uint8
from synth.seeding import derive_seed, numpy_generator

#: Findings that make a lung opaque: whether they are gone is asked of the experts' "opacity", which real
#: labels taught, and not of the finding's own probability, which simulated lesions did.
OPAQUE = ("atelectasis", "consolidation", "diffuse_nodule", "effusion", "fibrosis", "mass")

#: Edits tried of a radiograph, and by how much (of a probability) a later one has to be better.
TRIES, BETTER_BY = 4, 0.02

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


@dataclass(frozen=True)
class Retouched:
    """The outcome: ``pixels`` (H, W) as the original's, ``seen`` (S, S) uint8 what the models see of them,
    and the experts' ``opinion`` of that. ``attempt`` is the one kept, counted from 0."""

    film: Film
    edit: Edit
    pixels: np.ndarray
    seen: np.ndarray
    opinion: Opinion
    attempt: int


@dataclass(frozen=True)
class Retoucher:
    """What edits and who judges; ``size`` pixels a side is what both see of a radiograph."""

    editor: Editor
    masker: MaskGenerator
    anatomy: Expert
    findings: Expert
    size: int = 256

    def look(self, originals: Sequence[Original], who: Sequence[Demographics] | None = None) -> list[Film]:
        """The radiographs as the experts see them. DatasetError for one that is no frontal radiograph."""
        framed = [Framed.of(working_image(original, self.size)) for original in originals]
        images = np.stack([f.seen for f in framed])
        organs, findings = self.anatomy.look(images), self.findings.look(images)
        films = []
        for i, original in enumerate(originals):
            score = pseudo_masks.lung_score(organs[i])
            if score < LEAST_LUNG_SCORE:
                raise DatasetError(
                    f"{original.path}: no frontal radiograph by the anatomy experts' lung score "
                    f"({score:.2f}), expected {LEAST_LUNG_SCORE} or more"
                )
            body = pseudo_masks.anatomy_masks(organs[i])
            films.append(Film(original, framed[i], body, findings[i], who[i] if who else UNKNOWN))
        return films

    def retouch(
        self,
        films: Sequence[Film],
        requests: Sequence[EditRequest],
        seeds: Sequence[int],
        masks: Sequence[np.ndarray | None],
        tries: int = TRIES,
        should_stop: ShouldStop = None,
    ) -> list[Retouched]:
        """The best of ``tries`` edits of each film, by the experts; ``masks`` as :func:`plan` takes them.

        Every second one is made afresh, which changes more and keeps fewer ribs and vessels; a later attempt
        has to be better by BETTER_BY.

        Raises DatasetError for an edit that cannot be planned, and Stopped.
        """
        best: dict[int, Retouched] = {}
        for attempt in range(tries):
            planned = [
                plan(film, request, self.masker, seed, attempt, mask)
                for film, request, seed, mask in zip(films, requests, seeds, masks, strict=True)
            ]
            images = np.stack([film.framed.seen for film in films])
            noise = [derive_seed(seed, "attempt", str(attempt)) for seed in seeds]
            edited = self.editor.edit(images, planned, noise, should_stop, is_afresh(attempt))
            pixels = [put_back(f, e, i) for f, e, i in zip(films, planned, edited, strict=True)]
            seen = [seen_again(f, p) for f, p in zip(films, pixels, strict=True)]
            opinions = self.findings.look(np.stack(seen))
            for i, film in enumerate(films):
                now = Retouched(film, planned[i], pixels[i], seen[i], opinions[i], attempt)
                if i not in best or _is_better(now, best[i], requests[i]):
                    best[i] = now
        return [best[i] for i in range(len(films))]


def is_afresh(attempt: int) -> bool:
    """Whether an attempt, counted from 0, is made of new noise: every second one."""
    return attempt % 2 == 1


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
    do. What is added lies where the mask generator puts it on this body, or, alone with a mask, there.

    Raises DatasetError for a mask of the wrong shape or outside the body, and for a finding that no expert
    sees.
    """
    given = None if mask is None else _given(film, mask)
    outlined: list[Lesion] = []
    removed: list[Lesion] = []
    for name in request.remove:
        seen = pseudo_masks.outline(film.opinion, [FindingRequest(name)], True, film.anatomy).lesions
        lesions = seen if given is None else (Lesion(name, given),)
        if not lesions:
            raise DatasetError(f"{film.original.path}: {name} is seen by no expert, expected a mask of it")
        outlined += lesions
        if attempt > 1 and given is None and FINDINGS[name].region in ("lungs", "pleura"):
            lesions = (Lesion(name, _lungs_of([m.mask for m in lesions], film.anatomy)),)
        removed += lesions
    asked = _placed(request, film, outlined)
    rng = numpy_generator(seed, f"attempt {attempt}", "masks")
    if asked and given is not None and not removed:
        added: tuple[Lesion, ...] = tuple(Lesion(r.name, given) for r in asked)
    else:
        added = _drawn(asked, film, masker, rng)
    return Edit(film.anatomy, tuple(removed), added, None, asked, film.who)


def put_back(film: Film, edit: Edit, image: np.ndarray) -> np.ndarray:
    """An edit of what the models see, in the original's own pixels, which stay the same around the mask."""
    return restore(film.original, film.framed.restore(image), film.framed.restore_mask(edit.mask))


def seen_again(film: Film, pixels: np.ndarray) -> np.ndarray:
    """(S, S) uint8: edited pixels as the models see them, in the frame and exposure of the film."""
    framed = film.framed
    again = replace(film.original, pixels=pixels.copy())
    inside = crop(working_image(again, framed.source.shape[0]), framed.box)
    return to_uint8(framed.exposure.normalise(inside))


def shortfall(outcome: Retouched, request: EditRequest) -> float:
    """How far the experts are from seeing what was asked for, a mean of probabilities: 0 is best, 1 worst.

    Findings that no expert speaks of do not count.
    """
    said = outcome.opinion.probabilities
    wanted = {r.name for r in request.add}
    opaque = any(name in OPAQUE for name in wanted)
    missed = [said["opacity"] if n in OPAQUE and not opaque else said.get(n) for n in request.remove]
    missed += [1 - said[n] if n in said else None for n in wanted]
    if opaque:
        missed.append(1 - said["opacity"])
    known = [m for m in missed if m is not None]
    return float(np.mean(known)) if known else 0.0


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


def _is_better(now: Retouched, best: Retouched, request: EditRequest) -> bool:
    return shortfall(now, request) < shortfall(best, request) - BETTER_BY


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


def _lungs_of(masks: Sequence[np.ndarray], anatomy: np.ndarray) -> np.ndarray:
    """Masks and all of each lung that they touch."""
    out = np.any(masks, axis=0)
    return np.any([out, *(lung for lung in anatomy[:2] if (lung & out).any())], axis=0)


def _placed(request: EditRequest, film: Film, removed: Sequence[Lesion]) -> tuple[FindingRequest, ...]:
    """What is asked for, in the place of what is removed where one replaces the other."""
    if not request.replace or not removed:
        return request.add
    (place, *_) = pseudo_masks.requests_of([removed[0].finding], MaskSet(film.anatomy, tuple(removed)))
    return tuple(
        FindingRequest(r.name, r.side or place.side, r.zone or place.zone, r.severity) for r in request.add
    )
