"""One real radiograph in the experts' words: its masks, its findings and its prompt."""

from typing import NamedTuple

import numpy as np

from filters.experts import outlines
from filters.experts.opinion import Opinion
from manifests.films.prepared import PreparedFilm
from synth.cases import FindingRequest
from synth.demographics import Demographics
from synth.prompts.files import PromptRow
from synth.prompts.phrases import write_intro, write_prompt


class Unseen(NamedTuple):
    """A film that the experts have yet to see: ``image`` (S, S) uint8."""

    source: str
    sha256: str
    kind: str
    image: np.ndarray
    who: Demographics
    label: PromptRow | None


def described(film: Unseen, organs: Opinion, findings: Opinion, score: float) -> PreparedFilm:
    """A film with its masks and its prompt: the label's, or one that says what the experts find."""
    anatomy = outlines.anatomy_masks(organs)
    if film.label is not None:
        case = film.label.case(0, "0")
        requests = case.findings
        who = case.who.updated(film.who)
        prompt, masks = case.prompt, outlines.outline(findings, requests, True, anatomy)
    else:
        rng, who = np.random.default_rng(int(film.sha256[:16], 16)), film.who
        names = outlines.findings_seen(findings)
        masks = outlines.outline(findings, [FindingRequest(n) for n in names], False, anatomy)
        requests = outlines.requests_of(names, masks)
        silent = not requests and not outlines.looks_normal(findings)
        prompt = write_intro(who, rng) if silent else write_prompt(requests, who, rng)
    return PreparedFilm(
        film.sha256,
        film.kind,
        film.image,
        masks,
        prompt,
        film.label is not None,
        requests,
        who,
        findings.probabilities,
        score,
    )
