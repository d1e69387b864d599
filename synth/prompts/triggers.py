"""Words that deny a finding or leave it open, and where their scope ends.

The scheme is that of NegEx (Chapman et al., 2001) and ConText (Harkema et al., 2009): a trigger
before or after a finding acts on it unless a terminator stands between. The word lists were written
for chest radiographs and chosen on the development half of Open-i (docs/parser.md). Regular
expressions on lower-case text.
"""

import re
from typing import Final


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(phrases) + r")(?!\w)")


_SEEN = (
    r"(?:seen|identified|present|visuali[sz]ed|demonstrated|evident|appreciated|detected|noted|"
    r"observed|shown|visible|apparent|suspected|found)"
)
_EXCLUDE = r"(?:exclude\w*|ruled? out)"
_CANNOT = r"(?:cannot|can ?not|can't|could not|couldn't|not|difficult to|hard to)"
_KNOWN = (
    r"(?:only|longer|certain|excluded|increase|further|new|change|(?:\w+ )?interval change|"
    rf"significant change|(?:\w+ )?{_EXCLUDE})"
)
_STARTS_ANEW = (
    r"(?:there|stable|unchanged|mild|minimal|small|moderate|large|severe|marked|left|right|"
    r"bilateral)"
)

#: What negates the findings after it; "no change", "no longer", "not excluded" are told apart.
NEGATION_BEFORE: Final = _any_of(
    rf"(?:no|not|nor|none|never|without|neither|w/o)(?! {_KNOWN}\b)",
    *("no longer", "no new", "absence of", "absent", "lack of", "lacks?", "lacking", "denies"),
    *("free of", "clear of", "negative for", "rather than", "instead of", "unlikely"),
    *("resolution of", "clearing of", r"resolved(?! \w+$)", "removal of", "ruled out"),
    r"fails? to (?:show|reveal)",
)

#: What negates the findings before it.
NEGATION_AFTER: Final = _any_of(
    rf"(?:not|no longer) (?:\w+ )?{_SEEN}",
    r"(?:is|are|was|were) (?:absent|excluded|ruled out|unlikely|resolved|gone)",
    r"(?:has|have) (?:\w+ )?(?:resolved|cleared|disappeared)",
    *("resolved$", "absent$", "none$", "unlikely"),
)

#: What makes the findings after it uncertain.
UNCERTAIN_BEFORE: Final = _any_of(
    *(r"possib\w+", "may", "might", "could", "perhaps", "questionable", "question", "query"),
    *("equivocal", r"suspect\w*", r"suggest\w*", r"concern(?:ing)? for", "unclear whether"),
    *(r"suspicious for", r"suspicion (?:of|for)", "versus", "vs", "differential"),
    *(rf"{_CANNOT} (?:\w+ )?{_EXCLUDE}", "not excluded", "exclude", "rule out", "r/o"),
    *(r"(?:evaluat\w+|assess\w*|correlate|follow-?up|monitor) for", r"(?:to|in) detect\w*"),
    *(r"to identify", r"previously (?:seen|described|visuali[sz]ed|noted)", "history of"),
    *("if there is", "risk of", r"predispos\w+ to", "indication"),
    r"clinical (?:concern|suspicion|correlation)",
)

#: What makes the findings before it uncertain.
UNCERTAIN_AFTER: Final = _any_of(
    rf"{_CANNOT}(?: \w+)? be (?:\w+ )?{_EXCLUDE}",
    rf"not (?:\w+ )?{_EXCLUDE}|difficult to {_EXCLUDE}|hard to {_EXCLUDE}|to be excluded",
    r"(?:is|are) (?:possible|questionable|suspected|questioned|uncertain)",
    r"(?:is|are) a (?:possibility|consideration)",
    *("possible$", "questionable$", "suspected$", "versus", "vs"),
)

#: Where the scope of a negation or an uncertainty ends.
TERMINATORS: Final = _any_of(
    *("but", "however", "although", "though", "except", "aside from", "apart from", "other than"),
    *("besides", "yet", "while", "whereas", "nevertheless", "still", "which", "there (?:is|are)"),
    rf"(?<!possibly )(?<!perhaps )with (?:a|an|the|{_STARTS_ANEW})",
    rf"and (?:a|an|the|is|are|has|have|{_STARTS_ANEW})",
    # "no effusion, mild cardiomegaly" but not "no effusion, large mass or nodule"
    rf"(?<=,) {_STARTS_ANEW}(?! [^;]*\b(?:or|nor)\b)",
)
