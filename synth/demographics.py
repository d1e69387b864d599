"""Age, sex and view as a clinical text states them."""

import re
from dataclasses import dataclass

from synth.findings import Sex, View

_AGE = re.compile(
    r"\b(\d{1,3})[- ]?(?:years?[- ]?old|yrs?\.?[- ]?old|y\.?/?o\b|y\b)|\bage[d:]?\s*(?:of )?(\d{1,3})\b",
    re.IGNORECASE,
)
_SEX: dict[Sex, re.Pattern[str]] = {
    "F": re.compile(r"\b(?:woman|female|lady|girl)\b|\d ?(?:yo|y/o|y) ?F\b|(?i:\bsex:? ?f\b)"),
    "M": re.compile(r"\b(?:man|male|gentleman|boy)\b|\d ?(?:yo|y/o|y) ?M\b|(?i:\bsex:? ?m\b)"),
}
_VIEW: dict[View, re.Pattern[str]] = {
    "PA": re.compile(r"\bPA\b|\b(?i:postero-?anterior|pa (?:view|chest|radiograph|and lateral))\b"),
    "AP": re.compile(r"\bAP\b|\b(?i:antero-?posterior|ap (?:view|chest|radiograph)|portable|supine)\b"),
}


@dataclass(frozen=True)
class Demographics:
    """``age`` in years (0 to 120), ``sex`` and ``view``; ``None`` where the text is silent."""

    age: int | None = None
    sex: Sex | None = None
    view: View | None = None

    def updated(self, later: "Demographics") -> "Demographics":
        """What was said first stays; a later sentence fills only what was open."""
        return Demographics(
            self.age if self.age is not None else later.age,
            self.sex or later.sex,
            self.view or later.view,
        )


UNKNOWN = Demographics()


def read_demographics(sentence: str) -> Demographics:
    """Age, sex and view in one sentence of any case."""
    age = None
    if match := _AGE.search(sentence):
        years = int(match.group(1) or match.group(2))
        age = years if years <= 120 else None
    sex = next((s for s, p in _SEX.items() if p.search(sentence) or p.search(sentence.lower())), None)
    view = next((v for v, p in _VIEW.items() if p.search(sentence)), None)
    return Demographics(age, sex, view)
