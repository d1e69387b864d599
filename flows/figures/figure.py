"""A measured figure, with what it takes to believe it, and a file of many."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synth.errors import UserError

#: Of the files that hold figures; another number means another reader.
VERSION = 1


@dataclass(frozen=True)
class Figure:
    """One number: ``name`` (what was measured) in one ``group``, by one ``judge``.

    ``group`` is "all" or "finding=effusion", "sex=F", "age=40-60", "view=AP". ``judge`` is the feature space,
    network or rule behind it. ``low`` and ``high`` are the 95 % interval by bootstrap over patients (over
    images where a synthetic film has no patient); ``floor`` is the same figure of two halves of the real
    films, or of the real films themselves where it compares no two sets. ``counts`` says how many of what it
    rests on: {"generated": 98, "real": 761, "patients": 513}. ``value`` is None where it was not measured;
    ``note`` then says why, and else how to read it.
    """

    name: str
    judge: str
    value: float | None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    group: str = "all"
    counts: dict[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class FigureFile:
    """What one command measured: its ``command`` line, what it measured (``about``: paths, hashes, device,
    seconds), and the figures."""

    command: str
    about: dict[str, Any]
    figures: tuple[Figure, ...]

    def write(self, path: Path) -> None:
        """As JSON; a number that is not finite is an error, not a figure."""
        content = {"version": VERSION, **asdict(self)}
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> "FigureFile":
        """Raises UserError, one line, for a file that is missing or holds something else."""
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["version"] != VERSION:
                raise UserError(f"{path}: version {content['version']}, expected {VERSION}")
            figures = tuple(Figure(**row) for row in content["figures"])
            return cls(content["command"], content["about"], figures)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: {error!s:.200}, expected figures of a synthorax command") from error


def markdown(figures: Sequence[Figure]) -> str:
    """A table, a row a figure: value, interval, floor, counts, judge."""
    head = ["figure", "judge", "group", "value", "95 %", "floor", "of", "note"]
    return table(head, [_row(f) for f in figures])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown, the head and a line a row."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _row(figure: Figure) -> list[str]:
    span = "" if figure.low is None or figure.high is None else f"{figure.low:.3g} to {figure.high:.3g}"
    counts = ", ".join(f"{n} {what}" for what, n in figure.counts.items())
    value, floor = ("–" if v is None else f"{v:.4g}" for v in (figure.value, figure.floor))
    return [figure.name, figure.judge, figure.group, value, span, floor, counts, figure.note]
