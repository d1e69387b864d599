"""Prompt text for requested findings: several templates and synonyms, so that a text encoder learns
words and not one sentence. What is written here, :func:`synth.prompts.reports.parse` reads back unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.cases import FindingRequest
from synth.demographics import Demographics
from synth.findings import FINDINGS, Severity, Sex, Zone

#: Findings whose severity is told as a size.
SIZED = frozenset({"calcification", "diffuse_nodule", "effusion", "mass", "nodule", "pneumothorax"})
_GRADES: dict[Severity, tuple[str, ...]] = {
    "mild": ("mild", "slight"),
    "moderate": ("moderate",),
    "severe": ("severe", "marked"),
}
_SIZES: dict[Severity, tuple[str, ...]] = {
    "mild": ("small",),
    "moderate": ("moderate", "moderate-sized"),
    "severe": ("large",),
}
_LUNG_ZONES: dict[Zone, tuple[str, ...]] = {
    "upper": ("upper zone", "upper lobe", "apical"),
    "mid": ("mid zone", "perihilar"),
    "lower": ("lower zone", "lower lobe", "basal"),
}
_OTHER_ZONES: dict[Zone, tuple[str, ...]] = {
    "upper": ("upper", "apical"),
    "mid": ("mid-zone",),
    "lower": ("lower", "basal"),
}
_PERSONS: dict[Sex | None, tuple[str, ...]] = {
    "F": ("woman", "female patient", "female"),
    "M": ("man", "male patient", "male"),
    None: ("patient",),
}
_FILMS = ("chest radiograph", "chest X-ray", "radiograph of the chest")
_NORMAL = (
    "Normal chest.",
    "The lungs are clear.",
    "No acute abnormality.",
    "Heart and lungs are normal.",
    "Clear lungs, normal heart size.",
)
_PLURALS = {"mass": "masses", "opacity": "opacities", "pneumothorax": "pneumothoraces"}
_COUNTABLE = frozenset(
    {
        *("calcification", "effusion", "fracture", "granuloma", "heart", "infiltrate", "lesion"),
        *("nodule", "rib", "silhouette"),
    }
)


def write_prompt(requests: Sequence[FindingRequest], who: Demographics, rng: np.random.Generator) -> str:
    """A clinical text that says all of ``requests``, in order, and what is known of ``who``."""
    intro, body = write_intro(who, rng), write_findings(requests, rng)
    return f"{body} {intro}" if rng.random() < 0.15 else f"{intro} {body}"


def write_intro(who: Demographics, rng: np.random.Generator) -> str:
    """One sentence with film, view, age and sex, e.g. ``PA chest X-ray, 63-year-old woman.``"""
    film, person = _pick(_FILMS, rng), _pick(_PERSONS[who.sex], rng)
    view = f"{who.view} " if who.view else ""
    if who.age is not None:
        person = f"{who.age}-year-old {person}"
    article = "an" if person[:1] == "8" or person[:3] in ("11-", "18-") else "a"
    templates = (
        f"Frontal {view}{film} of {article} {person}.",
        f"{view}{film}, {person}.",
        f"{person}, frontal {view}{film}.",
        f"{view}{film} of {article} {person}.",
    )
    return _capital(_pick(templates, rng))


def write_findings(requests: Sequence[FindingRequest], rng: np.random.Generator) -> str:
    """Sentences that say all ``requests`` in order; none of them means a normal radiograph."""
    if not requests:
        return _pick(_NORMAL, rng)
    phrases = [write_finding(request, rng) for request in requests]
    if rng.random() < 0.25 and len(phrases) > 1:
        head = _pick(("Findings: ", "Impression: ", ""), rng)
        return _capital(head + "; ".join(phrase.text for phrase in phrases) + ".")
    return " ".join(_sentence(phrase, rng) for phrase in phrases)


@dataclass(frozen=True)
class Phrase:
    """A noun phrase and the article that it takes in a sentence: ``a``, ``an``, or none."""

    text: str
    article: str
    plural: bool


def write_finding(request: FindingRequest, rng: np.random.Generator) -> Phrase:
    """E.g. ``small right pleural effusion`` or ``nodule in the left upper zone``."""
    finding = FINDINGS[request.name]
    noun = _pick((finding.title, *finding.synonyms), rng)
    singular = noun.split()[-1] in (*_COUNTABLE, *_PLURALS)
    plural = request.side == "bilateral" and singular
    before, after = _before(request, rng), ""
    if request.name == "diffuse_nodule" or rng.random() < 0.35:
        before, after = "", _after(request)
    severity = _severity(request, noun, rng)
    words = (severity, before, _plural(noun) if plural else noun, after)
    text = " ".join(word for word in words if word)
    article = ("an" if text[0] in "aeiou" else "a") if singular and not plural else ""
    return Phrase(text, article, plural or noun.endswith("nodules"))


def _severity(request: FindingRequest, noun: str, rng: np.random.Generator) -> str:
    if request.severity is None:
        return ""
    word = _pick((_SIZES if request.name in SIZED else _GRADES)[request.severity], rng)
    return f"{word}ly" if noun.startswith(("enlarged", "thickened")) else word


def _before(request: FindingRequest, rng: np.random.Generator) -> str:
    """``right``, ``left lower lobe``, ``bilateral apical``: what stands before the noun."""
    zones = _LUNG_ZONES if FINDINGS[request.name].region == "lungs" else _OTHER_ZONES
    zone = _pick(zones[request.zone], rng) if request.zone else ""
    side: str = request.side or ""
    if side in ("right", "left") and rng.random() < 0.2:
        side = f"{side}-sided"
    return f"{side} {zone}".strip()


def _after(request: FindingRequest) -> str:
    """``in the right lung``, ``on both sides``, ``in both upper zones``: what follows the noun."""
    side, zone = request.side, request.zone
    if zone:
        return f"in both {zone} zones" if side == "bilateral" else _words("in the", side, zone, "zone")
    if side is None:
        return ""
    if FINDINGS[request.name].region == "lungs":
        return "in both lungs" if side == "bilateral" else f"in the {side} lung"
    return "on both sides" if side == "bilateral" else f"on the {side}"


def _sentence(phrase: Phrase, rng: np.random.Generator) -> str:
    is_ = "are" if phrase.plural else "is"
    told = f"{phrase.article} {phrase.text}".strip()
    plain = f"{_capital(phrase.text)}."
    return _pick((plain, plain, f"There {is_} {told}.", f"{_capital(told)} {is_} seen."), rng)


def _plural(noun: str) -> str:
    *rest, last = noun.split()
    plural = _PLURALS.get(last, f"{last}s" if last in _COUNTABLE else last)
    return " ".join([*rest, plural])


def _words(*words: str | None) -> str:
    return " ".join(word for word in words if word)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
