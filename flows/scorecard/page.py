"""`scorecard.html`: one file that needs no network, for any width, light or dark."""

from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined

from flows.scorecard.groups import subgroup_of
from flows.scorecard.scorecard import DEFINED_BY, DOI, FilledPart, Row, Scorecard
from flows.scorecard.words import counts_of, interval_of, value_of

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
        "grouped": _grouped,
        "defined_by": DEFINED_BY,
        "doi": DOI,
    }
    template = files("flows.scorecard").joinpath("page.html.j2").read_text("utf-8")
    return (
        environment.from_string(template).render(card=card, counts=card.material.index.counts) + "\n"
    ).encode()


def _overall(part: FilledPart) -> list[Row]:
    """Measured rows of all and of arms, which stand open on the page."""
    return [row for row in part.measured if not subgroup_of(row.figure.group)]


def _grouped(part: FilledPart) -> list[tuple[str, list[Row]]]:
    """Measured rows of subgroups by their title."""
    rows = [row for row in part.measured if subgroup_of(row.figure.group)]
    return [(title, list(group)) for title, group in groupby(rows, key=lambda row: row.title)]


def _drawn(row: Row) -> dict[str, float] | None:
    """Where a share, its interval and its floor lie on a line from 0 to 100; None for what has no such
    ends."""
    figure = row.figure
    if not row.term.share or figure.value is None:
        return None
    marks = {"value": figure.value, "low": figure.low, "high": figure.high, "floor": figure.floor}
    return {name: 100 * min(1.0, max(0.0, at)) for name, at in marks.items() if at is not None}
