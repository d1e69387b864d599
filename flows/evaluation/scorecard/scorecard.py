"""A build's scorecard: its parts with every figure in its place, measured or not, and as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from flows.evaluation.scorecard.evidence import EvidenceFile
from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import COMMANDS, Evidence, Part, Source, Statement, Term
from flows.evaluation.scorecard.parts.registry import PARTS
from flows.figures.figure import Figure

#: Of scorecard.json; another number means another reader.
VERSION = 1
#: Where the seven criteria come from.
DEFINED_BY = (
    "Zamzmi et al., Scorecard for synthetic medical data evaluation, Communications Engineering 4:130 (2025)"
)
DOI = "10.1038/s44172-025-00450-1"


@dataclass(frozen=True)
class Row:
    """A figure in its place: who measured it, and what its name means."""

    figure: Figure
    source: Source
    term: Term

    @property
    def title(self) -> str:
        """The figure's name in words; of a term for many names, which it is."""
        return f"{self.term.title}: {self.rest}" if self.rest else self.term.title

    @property
    def rest(self) -> str:
        """What of the figure's name its term leaves open."""
        return (self.term.rest(self.figure.name) or "").strip("*").replace("_", " ")

    @property
    def group(self) -> str:
        """The group in words: an evaluation's ``all`` has rejected samples among it."""
        told = self.figure.group.replace("_", " ").removeprefix("arm=")
        return "all generated, rejected ones too" if (self.source, told) == ("evaluation", "all") else told

    def to_json(self) -> dict[str, Any]:
        """The figure's fields and its term's."""
        told = {"title": self.title, "source": self.source, "measured": self.figure.value is not None}
        term = {"better": self.term.better, "scale": self.term.scale, "reading": self.term.reading}
        return {**asdict(self.figure), **told, **term}


@dataclass(frozen=True)
class FilledPart:
    """A part, its figures in the order of its terms, and what it says in words."""

    part: Part
    rows: tuple[Row, ...]
    statements: tuple[Statement, ...]

    @property
    def measured(self) -> list[Row]:
        """Rows that hold a figure."""
        return [row for row in self.rows if row.figure.value is not None]

    @property
    def open(self) -> list[Row]:
        """Rows of what was not measured."""
        return [row for row in self.rows if row.figure.value is None]


@dataclass(frozen=True)
class Scorecard:
    """All of it; ``files`` are where the figures of other commands stood."""

    material: Material
    files: tuple[EvidenceFile, ...]
    parts: tuple[FilledPart, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``scorecard.json`` holds."""
        identity = {k: v for k, v in self.material.identity.items() if k != "path"}  # of this machine
        return {
            "version": VERSION,
            "criteria": {"defined_by": DEFINED_BY, "doi": DOI},
            "build": {"name": self.material.name, **identity},
            "files": [
                {"source": f.source, "file": f.file, "command": f.command, "sha256": f.sha256}
                for f in self.files
            ],
            "parts": [
                {
                    "name": p.part.name,
                    "question": p.part.question,
                    "reading": p.part.reading,
                    "figures": [row.to_json() for row in p.rows],
                    "statements": [asdict(s) for s in p.statements],
                }
                for p in self.parts
            ],
        }


def fill(material: Material, files: Sequence[EvidenceFile]) -> Scorecard:
    """Every figure in its part: those of ``files``, and what the build tells itself."""
    evidence = {
        source: [f for file in files if file.source == source for f in file.figures] for source in COMMANDS
    }
    return Scorecard(material, tuple(files), tuple(_fill(part, material, evidence) for part in PARTS))


def _fill(part: Part, material: Material, evidence: Evidence) -> FilledPart:
    own = list(part.own(material, evidence))
    rows = [
        Row(figure, source, term)
        for source, figures in [("build", [e for e in own if isinstance(e, Figure)]), *evidence.items()]
        for figure in figures
        if (term := _term(part, figure.name, source))
    ]
    given = {source for source, figures in evidence.items() if figures}
    return FilledPart(
        part,
        tuple(_in_order(part, rows, given)),
        tuple(entry for entry in own if isinstance(entry, Statement)),
    )


def _term(part: Part, name: str, source: Source) -> Term | None:
    """What a figure means in a part; one that no part knows is told by its name where its source belongs."""
    if (term := part.term(name, source)) or source not in part.takes:
        return term
    if any(other.term(name, source) for other in PARTS):
        return None
    first = next(p for p in PARTS if source in p.takes)
    return Term(name, name.replace("_", " "), source, "") if first is part else None


def _in_order(part: Part, rows: Sequence[Row], given: set[Source]) -> Iterable[Row]:
    """Rows by their terms, those that no term was written for last; what is not there says how to measure
    it."""
    for term in part.terms:
        found = [row for row in rows if row.term is term]
        yield from map(_told, found) if found else [Row(_unmeasured(term, given), term.source, term)]
    yield from (_told(row) for row in rows if row.term not in part.terms)


def _told(row: Row) -> Row:
    """A figure without a value says that in its note."""
    figure = row.figure
    if figure.value is not None:
        return row
    why = figure.note.removeprefix("not measured:").strip() or "no reason is given"
    return replace(row, figure=replace(figure, note=f"not measured: {why}"))


def _unmeasured(term: Term, given: set[Source]) -> Figure:
    if term.source == "build":
        why = "the build does not tell"
    elif term.source in given:
        why = f"the file given for {term.source} does not hold it"
    else:
        why = f"run `{COMMANDS[term.source]}`"
    return Figure(term.name, "", None, note=f"not measured: {why}")
