"""Clinical free text to findings: a rule-based parser with NegEx- and ConText-like scopes.

A text is cut into sentences, a sentence's findings are looked up in :mod:`synth.prompts.words`, each
mention is judged (asserted, negated, uncertain) by the triggers in whose scope it stands, and gets
side, zone and severity from the words nearer to it than to the next mention. Sources of the method:
NegEx (Chapman et al., 2001) and ConText (Harkema et al., 2009). How well it does: docs/parser.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from synth.cases import FindingRequest
from synth.demographics import Demographics, read_demographics
from synth.findings import FINDING_NAMES, FINDINGS, Sex, View
from synth.prompts import triggers
from synth.prompts import words as lexicon
from synth.prompts.placement import PLACES, Placement, merge_requests, read_placement
from synth.prompts.residue import residue

Status = Literal["asserted", "negated", "uncertain"]


@dataclass(frozen=True)
class Parsed:
    """What a text says.

    ``findings``: those asserted, one request per finding and place, in the order of the text.
    ``negated`` and ``uncertain``: names of findings denied or only suspected, none of them also
    asserted. ``unparsed``: sentences that hold a word that was not understood, or one of a finding outside
    the 13, as they were written; words that are denied do not count.
    """

    findings: tuple[FindingRequest, ...] = ()
    negated: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    unparsed: tuple[str, ...] = ()
    age: int | None = None  # years
    sex: Sex | None = None
    view: View | None = None

    @property
    def complete(self) -> bool:
        """Whether ``findings`` are all that the text speaks of: none is suspected, all was understood."""
        return not (self.uncertain or self.unparsed)


@dataclass(frozen=True)
class Mention:
    """One finding named at characters ``start`` to ``end`` of a sentence."""

    name: str
    start: int
    end: int
    hint: bool = False  # only suggests the finding


#: Characters to which a trigger reaches: longer than any list of denied findings that was seen.
SCOPE = 300

#: A full stop that ends a sentence (not that of "1.5 cm"), a question mark before a new one, a
#: semicolon, colon, exclamation mark or line break.
_SENTENCE_END = re.compile(
    r"(?<!\d)\.(?=\s|$)|(?<=\d)\.(?=\s+[A-Z]|\s*$)|(?<=[a-z])\.(?=[A-Z])|(?<=\?)\s+(?=[A-Z])|"
    r"[;!\n]+|:(?!\d)"
)
_DECOYS = lexicon.compiled(lexicon.DECOYS)
_NAMES = {name: lexicon.compiled(patterns) for name, patterns in lexicon.NAMES.items()}
_HINTS = {name: lexicon.compiled(patterns) for name, patterns in lexicon.HINTS.items()}
_TRIGGERS: tuple[tuple[Status, bool, re.Pattern[str]], ...] = (
    ("uncertain", True, triggers.UNCERTAIN_BEFORE),
    ("uncertain", False, triggers.UNCERTAIN_AFTER),
    ("negated", True, triggers.NEGATION_BEFORE),
    ("negated", False, triggers.NEGATION_AFTER),
)


#: What is understood though it names no finding.
_EXPLAINED = (lexicon.compiled(lexicon.NORMAL), triggers.TERMINATORS, *(p for _, _, p in _TRIGGERS), *PLACES)


def parse(text: str) -> Parsed:
    """Findings, negations, uncertainties, age, sex and view of a clinical text in English.

    Pure and deterministic: the same text gives the same answer everywhere. A text without anything
    understood gives no findings and itself as ``unparsed``; no text raises.
    """
    asserted: list[FindingRequest] = []
    denied: dict[Status, list[str]] = {"negated": [], "uncertain": []}
    unparsed: list[str] = []
    people = Demographics()
    for sentence in split_sentences(text):
        found, here, left = read_sentence(sentence)
        people = people.updated(here)
        for request, status in found:
            if status == "asserted":
                asserted.append(request)
            else:
                denied[status].append(request.name)
        if left:
            unparsed.append(sentence)
    findings = merge_requests(asserted)
    names = {request.name for request in findings}
    return Parsed(
        findings,
        _unique(n for n in denied["negated"] if n not in names),
        _unique(n for n in denied["uncertain"] if n not in names),
        tuple(unparsed),
        people.age,
        people.sex,
        people.view,
    )


def split_sentences(text: str) -> list[str]:
    """Sentences without their full stops; decimals such as ``1.5 cm`` stay whole."""
    parts = _SENTENCE_END.split(text)
    return [part.strip() for part in parts if re.search(r"[^\W\d_]", part)]


def read_sentence(
    sentence: str,
) -> tuple[list[tuple[FindingRequest, Status]], Demographics, tuple[str, ...]]:
    """Each mention of one sentence with its place and status, whom the sentence is about, and the words
    that were not understood or name something outside the 13 findings."""
    whole = re.sub(r"\s", " ", sentence.lower())
    lower = _DECOYS.sub(lambda m: "_" * len(m.group()), whole)
    mentions = find_mentions(lower)
    spans = sorted({(m.start, m.end) for m in mentions})
    places = dict(zip(spans, read_placement(lower, spans), strict=True))
    found = [(_request(m.name, places[m.start, m.end]), judge(lower, m)) for m in mentions]
    known = [*spans, *(m.span() for p in _EXPLAINED for m in p.finditer(lower))]
    left = residue(whole, known, bool(found), lambda a, b: judge(lower, Mention("", a, b)) == "negated")
    return found, read_demographics(sentence), left


def find_mentions(sentence: str) -> list[Mention]:
    """Mentions in a lower-case sentence in order; of two that overlap the longer is kept.

    A word may name two findings at once (hydropneumothorax): equal spans are both kept.
    """
    every = [
        Mention(name, match.start(), match.end(), hint)
        for hint, table in ((False, _NAMES), (True, _HINTS))
        for name, pattern in table.items()
        for match in pattern.finditer(sentence)
    ]
    every.sort(key=lambda m: (m.start - m.end, m.hint, FINDING_NAMES.index(m.name)))
    kept: list[Mention] = []
    taken, spans = bytearray(len(sentence)), set()
    for mention in every:
        span = (mention.start, mention.end)
        if not any(taken[mention.start : mention.end]) or (span in spans and not mention.hint):
            taken[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
            spans.add(span)
            kept.append(mention)
    return sorted(kept, key=lambda m: (m.start, FINDING_NAMES.index(m.name)))


def judge(sentence: str, mention: Mention) -> Status:
    """Whether a mention is asserted, negated or uncertain; negation wins over uncertainty."""
    start, end = _scope(sentence, mention)
    # up to its end, as "heart is not enlarged" has its negation inside
    before, after = sentence[start : mention.end], sentence[mention.end : end]
    status: Status = "uncertain" if mention.hint or "?" in before + after else "asserted"
    for verdict, is_before, pattern in _TRIGGERS:
        if pattern.search(before if is_before else after):
            status = verdict
    return status


def _scope(sentence: str, mention: Mention) -> tuple[int, int]:
    """From the last terminator before a mention to the first one after it, at most SCOPE away."""
    start, end = max(0, mention.start - SCOPE), min(len(sentence), mention.end + SCOPE)
    for match in triggers.TERMINATORS.finditer(sentence, start, end):
        if match.end() <= mention.start:
            start = match.end()
        elif match.start() >= mention.end:
            end = match.start()
            break
    return start, end


def _request(name: str, place: Placement) -> FindingRequest:
    region = FINDINGS[name].region
    side = place.side if FINDINGS[name].lateral else None
    zone = place.zone if region != "heart" else None
    return FindingRequest(name, side, zone, place.severity)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
