"""Side, zone and severity of a mention, from the words of its part of the sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from synth.cases import FindingRequest
from synth.findings import Severity, Side, Zone

_NOT_A_LUNG = r"(?! (?:heart|atri\w+|ventric\w+|picc|ij|subclavian|internal jugular|port)\b)"
_SIDES: dict[Side, re.Pattern[str]] = {
    "bilateral": re.compile(
        r"\b(?:bilateral\w*|both|bi-?\s?(?:basilar|basal|apical|lateral)\w*|each|throughout|"
        r"diffusely|right and left|left and right)\b"
    ),
    "right": re.compile(rf"\b(?:right(?:-sided|ward)?|r|rul|rml|rll|middle lobe)\b{_NOT_A_LUNG}"),
    "left": re.compile(rf"\b(?:left(?:-sided|ward)?|l|lul|lll|lingula\w*)\b{_NOT_A_LUNG}"),
}
_ZONES: dict[Zone, re.Pattern[str]] = {
    "upper": re.compile(r"\b(?:upper|apex|apices|apical|bi-?apical|rul|lul|suprahilar|superior)\b"),
    "mid": re.compile(
        r"\b(?:middle|mid|mid-?lung|mid-?zone|lingula\w*|rml|(?:peri|para)?hilar|hilum|hila)\b"
    ),
    "lower": re.compile(
        r"\b(?:lower|bases?|(?:bi-?)?(?:basal|basilar)|rll|lll|retrocardiac|infrahilar|inferior|"
        r"costophrenic)\b"
    ),
}
_SEVERITIES: dict[Severity, re.Pattern[str]] = {
    "severe": re.compile(
        r"\b(?:severe\w*|large|marked\w*|massive\w*|extensive\w*|gross\w*|huge|advanced|big)\b"
    ),
    "moderate": re.compile(r"\b(?:moderate\w*|medium(?:-sized)?)\b"),
    "mild": re.compile(
        r"\b(?:mild\w*|small\w*|minimal\w*|tiny|trace|slight\w*|minor|subtle|borderline|minute|"
        r"low-grade|punctate|early)\b"
    ),
}
#: Every word that places or grades a finding.
PLACES = (*_SIDES.values(), *_ZONES.values(), *_SEVERITIES.values())
_JOINT = re.compile(r",| and | or |/| with | but |\bversus\b|\bvs\b| as well as | also ")
_BARE = re.compile(r"[\s,/]*(?:and|or|with)?(?:/or)?\s*(?:associated |adjacent )?")


@dataclass(frozen=True)
class Placement:
    """Where and how much; ``None`` where nothing is said."""

    side: Side | None = None
    zone: Zone | None = None
    severity: Severity | None = None


def read_placement(sentence: str, spans: Sequence[tuple[int, int]]) -> list[Placement]:
    """One placement per mention at ``spans`` (start, end; ordered, apart) of a lower-case text.

    Each mention owns the words up to the conjunction nearest to its neighbour. In a bare list
    ("left effusion and atelectasis") it shares the place of the mention before it; what follows a
    bare list ("effusion and atelectasis on the left") is shared backwards.
    """
    if not spans:
        return []
    cuts = [0, *(_cut(sentence, a[1], b[0]) for a, b in pairwise(spans))]
    ends = [*cuts[1:], len(sentence)]
    own = [read_words(sentence[s:e], a - s, b - s) for (a, b), s, e in zip(spans, cuts, ends, strict=True)]
    out = list(own)
    for i in range(1, len(spans)):
        gap = sentence[spans[i - 1][1] : spans[i][0]]
        if not _BARE.fullmatch(gap):
            continue
        before, here = out[i - 1], own[i]
        if here.side is None and here.zone is None:
            out[i] = replace(here, side=before.side, zone=before.zone)
        elif before.side is None and before.zone is None:
            out[i - 1] = replace(before, side=here.side, zone=here.zone)
    return out


def read_words(words: str, start: int, end: int) -> Placement:
    """The placement that ``words`` give a mention at ``start`` to ``end`` in them."""
    sides = {side for side, p in _SIDES.items() if p.search(words)}
    side: Side | None = None
    if "bilateral" in sides or len(sides) == 2:
        side = "bilateral"
    elif sides:
        side = sides.pop()
    zones = [zone for zone, p in _ZONES.items() if p.search(words)]
    return Placement(side, zones[0] if len(zones) == 1 else None, _severity(words, start, end))


def _severity(words: str, start: int, end: int) -> Severity | None:
    """The severity nearest to the mention; "mild to moderate" is the later word."""
    best: tuple[int, int, Severity] | None = None
    for severity, pattern in _SEVERITIES.items():
        for m in pattern.finditer(words):
            distance = start - m.end() if m.end() <= start else max(0, m.start() - end) + 20
            candidate = (distance, -m.start(), severity)
            best = candidate if best is None else min(best, candidate)
    return best[2] if best else None


def _cut(sentence: str, end: int, start: int) -> int:
    """Where the words of one mention end and those of the next begin."""
    joints = [m.start() for m in _JOINT.finditer(sentence, end, start)]
    return joints[-1] if joints and not _BARE.fullmatch(sentence[end:start]) else end


def merge_requests(requests: Sequence[FindingRequest]) -> tuple[FindingRequest, ...]:
    """One request per finding and place.

    A repeated finding fills what was left open; both sides' ``bilateral`` takes in either one.
    Unlike places ("right upper and left lower consolidation") stay two requests.
    """
    out: list[FindingRequest] = []
    for new in requests:
        for i, old in enumerate(out):
            if old.name == new.name and _compatible(old, new):
                out[i] = _merged(old, new)
                break
        else:
            out.append(new)
    return tuple(out)


def _compatible(a: FindingRequest, b: FindingRequest) -> bool:
    sides = {a.side, b.side} - {None}
    zones = {a.zone, b.zone} - {None}
    return (len(sides) < 2 or "bilateral" in sides) and len(zones) < 2


def _merged(a: FindingRequest, b: FindingRequest) -> FindingRequest:
    side = "bilateral" if "bilateral" in (a.side, b.side) else a.side or b.side
    return FindingRequest(a.name, side, a.zone or b.zone, a.severity or b.severity)
