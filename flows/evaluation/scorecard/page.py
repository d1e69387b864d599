"""`scorecard.html`: one file that needs no network, for any width, light or dark."""

from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from flows.evaluation.scorecard.groups import subgroup_of
from flows.evaluation.scorecard.scorecard import DEFINED_BY, DOI, FilledPart, Row, Scorecard
from flows.evaluation.scorecard.words import counts_of, interval_of, value_of

#: Rows of one term that stand open on the page; more of them are a table.
MOST_OPEN = 10
_SOURCES = {
    "build": "from the build",
    "evaluation": "evaluate",
    "downstream": "downstream",
    "study": "study",
    "experts": "evaluate experts",
}


def page(card: Scorecard) -> bytes:
    """The page of a scorecard."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"interval": interval_of, "counts": counts_of}
    environment.globals |= {
        "number": value_of,
        "source": _SOURCES.__getitem__,
        "drawn": _drawn,
        "overall": _overall,
        "arms": _arms,
        "folded": _folded,
        "reasons": _reasons,
        "coded": _coded,
        "defined_by": DEFINED_BY,
        "doi": DOI,
    }
    template = files("flows.evaluation.scorecard").joinpath("page.html.j2").read_text("utf-8")
    return (
        environment.from_string(template).render(card=card, counts=card.material.index.counts) + "\n"
    ).encode()


@dataclass(frozen=True)
class Table:
    """Rows of one term. What is the same in all of them stands above: ``judge`` and ``note``, else empty."""

    title: str
    rows: tuple[Row, ...]

    @property
    def judge(self) -> str:
        """The one judge of all rows."""
        return self._common([row.figure.judge for row in self.rows])

    @property
    def note(self) -> str:
        """The one note of all rows."""
        return self._common([row.figure.note for row in self.rows])

    @property
    def floors(self) -> bool:
        """Whether any row has a floor."""
        return any(row.figure.floor is not None for row in self.rows)

    def _common(self, texts: list[str]) -> str:
        return texts[0] if len(set(texts)) == 1 else ""


def _overall(part: FilledPart) -> list[Row]:
    """Measured rows that stand one by one."""
    return [row for row in part.measured if not _is_arm(row) and not _is_folded(part, row)]


def _arms(part: FilledPart) -> list[Table]:
    """Tables of the arms of trainings, which stand open."""
    return _tables([row for row in part.measured if _is_arm(row)])


def _folded(part: FilledPart) -> list[Table]:
    """Tables of findings and subgroups, and of whatever has many rows."""
    return _tables([row for row in part.measured if not _is_arm(row) and _is_folded(part, row)])


def _tables(rows: list[Row]) -> list[Table]:
    return [Table(title, tuple(some)) for title, some in groupby(rows, key=lambda row: row.term.title)]


def _is_arm(row: Row) -> bool:
    return row.figure.group.startswith("arm=")


def _is_folded(part: FilledPart, row: Row) -> bool:
    if subgroup_of(row.figure.group):
        return True
    same = [r for r in part.measured if r.term is row.term and not subgroup_of(r.figure.group)]
    return len(same) > MOST_OPEN


def _reasons(part: FilledPart, subgroups: bool) -> list[tuple[Markup, list[str]]]:
    """Why figures are missing, and which: those of ``subgroups``, or the others."""
    names: dict[str, list[str]] = {}
    for row in (r for r in part.open if bool(subgroup_of(r.figure.group)) == subgroups):
        group = "" if row.figure.group == "all" else f" ({row.group})"
        names.setdefault(row.figure.note, []).append(f"{row.title}{group}")
    return [(_coded(why), list(dict.fromkeys(titles))) for why, titles in names.items()]


def _coded(text: str) -> Markup:
    """A text whose commands are shown as such."""
    parts = text.split("`")
    marked = (Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))
    return Markup("").join(marked)


def _drawn(row: Row) -> dict[str, float] | None:
    """Where a number in [0, 1], its interval and its floor lie on a line from 0 to 100; None for another."""
    figure = row.figure
    if not row.term.scale or figure.value is None:
        return None
    marks = {"value": figure.value, "low": figure.low, "high": figure.high, "floor": figure.floor}
    return {name: 100 * min(1.0, max(0.0, at)) for name, at in marks.items() if at is not None}
