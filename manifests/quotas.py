"""Cells of a build's quotas, counted off its rows: how many were asked for in each, and accepted."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from manifests import layout
from manifests.commits import Commit
from manifests.errors import DatasetError
from manifests.parts import rows_of
from manifests.seldom import with_mark
from manifests.selection import COLUMNS
from manifests.store import Store
from synth.prompts.quotas import CELL_FINDINGS, KINDS, Kind, Quotas

_READ = ("status", *COLUMNS)


@dataclass(frozen=True)
class CellCount:
    """Of the candidates that lie in one cell."""

    asked: int = 0
    accepted: int = 0

    def __add__(self, other: "CellCount") -> "CellCount":
        return CellCount(self.asked + other.asked, self.accepted + other.accepted)


class _Recorded(BaseModel):
    """``accepted_per`` of a ``build.json``, settled."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    count: Annotated[int, Field(strict=True, ge=1, lt=10**9)]
    of: Annotated[tuple[Kind, ...], Field(min_length=1)]
    findings: tuple[str, ...] | None = None
    ages: tuple[Annotated[int, Field(strict=True, ge=1, le=120)], ...] | None = None


def recorded_quotas(build: Mapping[str, Any]) -> Quotas | None:
    """Those that a ``build.json`` records, None without.

    :raises DatasetError: for a record that is none of ours.
    """
    config = build.get("config")
    told = config.get("accepted_per") if isinstance(config, Mapping) else None
    if told is None:
        return None
    try:
        found = _Recorded.model_validate(told)
    except ValidationError as error:
        where = ".".join(str(part)[:80] for part in error.errors()[0]["loc"])
        raise DatasetError(f"{layout.BUILD}: config.accepted_per.{where}: not quotas") from None
    findings, ages = found.findings or (), found.ages or ()
    if not set(findings) <= set(CELL_FINDINGS) or list(ages) != sorted(set(ages)):
        raise DatasetError(f"{layout.BUILD}: config.accepted_per: not quotas")
    return Quotas(
        found.count,
        tuple(kind for kind in KINDS if kind in found.of),
        tuple(name for name in CELL_FINDINGS if name in findings) if "finding" in found.of else (),
        ages if "age" in found.of else (),
    )


def count_cells(quotas: Quotas, tables: Iterable[pa.Table]) -> tuple[CellCount, ...]:
    """One count a cell, in the order of the quotas' cells."""
    asked, accepted = ([0] * len(quotas.cells) for _ in range(2))
    for table in tables:
        for row in table.select([name for name in _READ if name in table.column_names]).to_pylist():
            findings = [(finding["name"], finding["side"]) for finding in row["findings"]]
            complete = row.get("complete", True)  # earlier versions lack it
            for i in quotas.places(findings, complete, row["age"], row["sex"], row["view"]):
                asked[i] += 1
                accepted[i] += row["status"] == "accepted"
    return tuple(CellCount(*counts) for counts in zip(asked, accepted, strict=True))


def committed_cells(quotas: Quotas, store: Store, commits: Iterable[Commit]) -> tuple[CellCount, ...]:
    """As :func:`count_cells`, off the rows of committed shards, one after the other.

    :raises DatasetError: for a part that cannot be read.
    """
    return count_cells(quotas, (rows_of(store, [commit], _READ) for commit in commits))


def shortest_first(
    quotas: Quotas, counts: Sequence[CellCount], seldom: Container[str] = ()
) -> list[tuple[str, CellCount]]:
    """Cells by name with their counts, those with the fewest accepted first; with a mark those of findings
    that are ``seldom`` accepted."""
    names = [with_mark(cell.finding, str(cell), seldom) for cell in quotas.cells]
    cells = list(zip(names, counts, strict=True))
    return sorted(cells, key=lambda cell: cell[1].accepted)


def short_cells(quotas: Quotas, counts: Sequence[CellCount]) -> list[str]:
    """In words, each cell that has fewer than are wanted, the shortest first."""
    return [
        f"{cell}: {count.accepted} of {count.asked} accepted, {quotas.count} wanted"
        for cell, count in shortest_first(quotas, counts)
        if count.accepted < quotas.count
    ]
