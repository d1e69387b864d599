"""A radiograph edited from file to file: read, seen by the experts, edited several times, the best kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from filters.experts import outlines
from filters.experts.embedded import OPACITY
from filters.experts.opinion import Expert, Opinion
from flows.editing.plan import Film, plan
from manifests.errors import DatasetError
from manifests.films.compositing import restore, working_image
from manifests.films.originals import Original
from synth.demographics import UNKNOWN, Demographics
from synth.editing import Edit, Editor
from synth.findings import OPACITIES
from synth.images.framing import Framed
from synth.images.protocol import ShouldStop
from synth.images.radiographs import crop, to_uint8
from synth.masks.generator import MaskGenerator
from synth.prompts.edit_requests import EditRequest
from synth.seeding import derive_seed
from synth.settings import TRIES

#: By how much (of a probability) a later attempt has to be better than those before it.
BETTER_BY = 0.02
#: How far (of a probability) the experts' word on something removed has to fall for that to be a removal.
LEAST_MOVE = 0.05
#: What a finding that nobody asked for costs an attempt, of a probability.
UNASKED = 0.25


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
        """The radiographs as the experts see them. DatasetError for one that is no frontal radiograph, or a
        negative."""
        framed = [Framed.of(working_image(original, self.size)) for original in originals]
        images = np.stack([f.seen for f in framed])
        organs, findings = self.anatomy.look(images), self.findings.look(images)
        films = []
        refusals = outlines.refusals(self.anatomy, images, organs)
        for i, original in enumerate(originals):
            if refusals[i]:
                raise DatasetError(f"{original.path}: {refusals[i]}")
            body = outlines.anatomy_masks(organs[i])
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

        The best falls least short of the request and shows least besides; a later attempt has to be better
        by BETTER_BY. Lungs are cleared by all ``requests`` or by none.

        Raises DatasetError for an edit that cannot be planned, and Interrupted.
        """
        best: dict[int, Retouched] = {}
        for attempt in range(tries):
            planned = [
                self._planned(film, request, seed, attempt, mask)
                for film, request, seed, mask in zip(films, requests, seeds, masks, strict=True)
            ]
            images = np.stack([film.framed.seen for film in films])
            noise = [derive_seed(seed, "attempt", str(attempt)) for seed in seeds]
            edited = self.editor.edit(images, planned, noise, should_stop, is_afresh(attempt, requests[0]))
            pixels = [put_back(f, e, i) for f, e, i in zip(films, planned, edited, strict=True)]
            seen = [seen_again(f, p) for f, p in zip(films, pixels, strict=True)]
            opinions = self.findings.look(np.stack(seen))
            for i, film in enumerate(films):
                now = Retouched(film, planned[i], pixels[i], seen[i], opinions[i], attempt)
                if i not in best or _is_better(now, best[i], requests[i]):
                    best[i] = now
        return [best[i] for i in range(len(films))]

    def _planned(
        self, film: Film, request: EditRequest, seed: int, attempt: int, mask: np.ndarray | None
    ) -> Edit:
        """As :func:`plan`; a later attempt that finds no place repeats the first one's."""
        try:
            return plan(film, request, self.masker, seed, attempt, mask)
        except DatasetError:
            if not attempt:
                raise
            return plan(film, request, self.masker, seed, 0, mask)


def is_afresh(attempt: int, request: EditRequest) -> bool:
    """Whether an attempt, counted from 0, is made of new noise: every second one, for that changes more and
    keeps fewer ribs and vessels; where lungs are cleared each, for their own noise brings back what was
    there.
    """
    return request.everywhere or attempt % 2 == 1


def put_back(film: Film, edit: Edit, image: np.ndarray) -> np.ndarray:
    """An edit of what the models see, in the original's own pixels, which stay the same around the mask."""
    return restore(film.original, film.framed.restore(image), film.framed.restore_mask(edit.mask))


def seen_again(film: Film, pixels: np.ndarray, size: int | None = None) -> np.ndarray:
    """(size, size) uint8: a film's edited pixels in the frame and exposure that models see it in; ``size``:
    None for theirs."""
    framed = film.framed
    again = working_image(replace(film.original, pixels=pixels.copy()), size or framed.source.shape[0])
    return to_uint8(framed.exposure.normalise(crop(again, framed.box)))


def shortfall(outcome: Retouched, request: EditRequest) -> float:
    """How far the experts are from seeing what was asked for, a mean of probabilities: 0 is best, 1 worst.

    Whether one of OPACITIES is gone is asked of "opacity", which radiologists' grades taught, not of the
    finding's own probability, which mined labels did. Findings that no expert speaks of do not count.
    """
    said = outcome.opinion.probabilities
    wanted = {r.name for r in request.add}
    opaque = any(name in OPACITIES for name in wanted)
    missed = [said[OPACITY] if n in OPACITIES and not opaque else said.get(n) for n in request.remove]
    missed += [1 - said[n] if n in said else None for n in wanted]
    if opaque:
        missed.append(1 - said[OPACITY])
    known = [m for m in missed if m is not None]
    return float(np.mean(known)) if known else 0.0


def unmoved(outcome: Retouched, request: EditRequest) -> str:
    """That a removal removed nothing, with the experts' words before and after; empty where it did, where
    no expert speaks of it, and where something was added: whether that shows is what :func:`shortfall` and
    the filters say."""
    before, after = outcome.film.opinion.probabilities, outcome.opinion.probabilities
    spoken = dict.fromkeys(
        said
        for name in request.remove
        for said in ((name, OPACITY) if name in OPACITIES else (name,))
        if said in before and said in after
    )
    if request.add or not spoken or max(before[n] - after[n] for n in spoken) >= LEAST_MOVE:
        return ""
    told = "; ".join(f"{n} {before[n]:.2f} before, {after[n]:.2f} after" for n in spoken)
    return f"unchanged, as the experts see it ({told})"


def unasked(outcome: Retouched, request: EditRequest) -> tuple[str, ...]:
    """What the experts see in the edited radiograph, did not see before, and nobody asked for: guidance away
    from opacities, say, may end in emphysema."""
    before, after = outcome.film.opinion.probabilities, outcome.opinion.probabilities
    wanted = {*request.remove, *(r.name for r in request.add)}
    if wanted & set(OPACITIES):
        wanted.add(OPACITY)
    new = (n for n, p in after.items() if p >= outlines.PRESENT > before.get(n, 0.0))
    return tuple(n for n in new if n not in wanted)


def _is_better(now: Retouched, best: Retouched, request: EditRequest) -> bool:
    return _cost(now, request) < _cost(best, request) - BETTER_BY


def _cost(outcome: Retouched, request: EditRequest) -> float:
    return shortfall(outcome, request) + UNASKED * len(unasked(outcome, request))
