"""Findings that were asked for and hardly ever accepted: nobody who only counts samples would notice."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from manifests.index import Counts
from manifests.members import NO_FINDING
from manifests.selection import asked_of
from synth.findings import FINDING_NAMES

#: A finding is told of that was asked for so often, and accepted less than this share of it.
FEWEST, LEAST = 5, 0.1

#: Columns of the rows that tell who refused.
REFUSED: Final = ("reasons", "findings", "complete")


@dataclass(frozen=True)
class Vanished:
    """One finding; ``refusals``: filter to how many of its candidates it said no to, empty if not counted."""

    finding: str
    asked: int
    accepted: int
    refusals: Mapping[str, int]

    def __str__(self) -> str:
        title = self.finding.replace("_", " ")
        told = f"{title}: {self.accepted or 'none'} of {self.asked} accepted"
        if not self.refusals:
            return told
        most = max(self.refusals, key=lambda name: self.refusals[name])
        return f"{told}, {most} refused most ({self.refusals[most]})"


def vanished(counts: Counts, tables: Iterable[pa.Table] = ()) -> list[Vanished]:
    """Findings, and that there is none, of which less than a tenth is accepted; fewer than 5 say nothing.

    ``tables``: the rows, or some of their columns; read only where there is something to tell, and without
    them it is not told who refused.
    """
    groups = {name: counts.findings.get(name, {}) for name in FINDING_NAMES} | {NO_FINDING: counts.normal}
    sums = {name: (n.get("asked", 0), n.get("accepted", 0)) for name, n in groups.items()}
    few = {n: (asked, kept) for n, (asked, kept) in sums.items() if asked >= FEWEST and kept < LEAST * asked}
    refusals = _refusals(set(few), tables) if few else {}
    return [Vanished(name, *told, refusals.get(name, {})) for name, told in few.items()]


def _refusals(names: set[str], tables: Iterable[pa.Table]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {name: Counter() for name in names}
    for table in tables:
        for row in table.select([name for name in REFUSED if name in table.column_names]).to_pylist():
            for name in names.intersection(asked_of(row)):
                found[name].update(row["reasons"])
    return found
