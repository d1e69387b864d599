"""How acceptance changes what was asked for: shares accepted by findings, age, sex and view.

One lesion that is not seen rejects its whole candidate, so that cases with many findings are published less
often than they were asked for, and findings that come together with others too.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import ConfigDict

from manifests.members import NO_FINDING, UNKNOWN
from manifests.parsing import STRICT, Count
from synth.findings import FINDING_NAMES, FINDINGS

#: By group and value, how many candidates filters judged, and accepted.
Shares = dict[str, dict[str, dict[str, int]]]

GROUPS: Final = ("number of findings", "finding", "age", "sex", "view")
#: What rows are grouped by; earlier versions' rows may have more.
COLUMNS: Final = ("findings", "complete", "age", "sex", "view")
#: Upper bounds (exclusive) of age bands, in years.
_BANDS: Final = (20, 40, 60, 80)
#: From so many findings on they are counted together.
_MANY: Final = 4
#: A finding of whose judged candidates a smaller share is accepted is not to be trusted.
LEAST: Final = 0.4
#: A share is told where it is this far from that of all, and further than chance takes 99 of 100.
_FAR, _SURE, _FEWEST = 0.1, 2.576, 10


@dataclass(frozen=True)
class Acceptance:
    """Of the candidates that ask for a finding, how many filters judged, and accepted.

    Candidates, not draws: one that was drawn again counts once. One that failed was not judged.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    judged: Count
    accepted: Count

    @property
    def is_seldom(self) -> bool:
        """Whether fewer are accepted than it takes to be trusted; not where none was judged."""
        return bool(self.judged) and self.accepted / self.judged < LEAST

    def __str__(self) -> str:
        return f"{self.accepted:,} of {self.judged:,}"


#: By finding; those that are seldom accepted.
Seldom = dict[str, Acceptance]


def seldom_accepted(shares: Shares) -> Seldom:
    """Findings that filters accept too seldom to be trusted, in the order of FINDING_NAMES."""
    there = shares.get("finding", {})
    found = {name: Acceptance(**there[name]) for name in FINDING_NAMES if name in there}
    return {name: acceptance for name, acceptance in found.items() if acceptance.is_seldom}


def no_shares() -> Shares:
    """Of no candidate yet."""
    return {group: {} for group in GROUPS}


def add_row(shares: Shares, row: Mapping[str, Any]) -> None:
    """Count a manifest's row of which COLUMNS and ``status`` are there; failed ones were not judged."""
    if row["status"] == "failed":
        return
    for group, value in _values(row):
        counts = shares[group].setdefault(value, {"judged": 0, "accepted": 0})
        counts["judged"] += 1
        counts["accepted"] += row["status"] == "accepted"


def asked_of(row: Mapping[str, Any]) -> list[str]:
    """What a row asks for by name: its findings, or that there is none, or that this is not known."""
    nothing = NO_FINDING if row.get("complete", True) else UNKNOWN
    return sorted({f["name"] for f in row["findings"]}) or [nothing]


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    names = asked_of(row)
    if row.get("complete", True):  # else nobody knows how many there are
        count = 0 if names == [NO_FINDING] else len(names)
        yield "number of findings", f"{_MANY} or more" if count >= _MANY else str(count)
    for name in names:
        yield "finding", name
    yield "age", "not asked for" if row["age"] is None else _band(row["age"])
    for group in ("sex", "view"):
        yield group, row[group] or "not asked for"


def _band(age: int) -> str:
    lower = 0
    for upper in _BANDS:
        if age < upper:
            return f"{lower} to {upper - 1}"
        lower = upper
    return f"{lower} and over"


def rows_of(shares: Shares) -> Iterator[tuple[str, str, int, int]]:
    """(group, value, judged, accepted) in the order in which they are told; values nobody asked for aside."""
    for group in GROUPS:
        values = shares.get(group, {})
        order = [*FINDINGS, NO_FINDING, UNKNOWN] if group == "finding" else sorted(values)
        for value in (v for v in order if v in values):
            yield group, value, values[value]["judged"], values[value]["accepted"]


def skews(shares: Shares) -> list[str]:
    """In words, each group that is accepted much more or less often than all are."""
    sexes = shares.get("sex", {}).values()  # each candidate has one value
    judged, accepted = (sum(c[k] for c in sexes) for k in ("judged", "accepted"))
    if not judged:
        return []
    overall, told = accepted / judged, []
    noise = math.sqrt(overall * (1 - overall))
    for group, value, n, kept in rows_of(shares):
        share = kept / n
        if n >= _FEWEST and abs(share - overall) > max(_FAR, _SURE * noise / math.sqrt(n)):
            told.append(
                f"{group} {value.replace('_', ' ')}: {share:.0%} of {n:,} are accepted, {overall:.0%} of all"
            )
    return told
