"""What a comparison found: its figures, one table and one plot."""

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from flows.evaluation.downstream.arms import ARMS, percents
from flows.evaluation.downstream.course import Course
from flows.evaluation.downstream.intervals import Cell, Draws, Estimate, Table, tables
from flows.evaluation.downstream.plot import Panel, draw
from flows.evaluation.downstream.task import Measure
from flows.figures.figure import Figure, FigureFile, table
from manifests.measured import build_identity
from manifests.store import Store

#: Backbones in words.
STARTS: Final = {"imagenet": "from ImageNet", "none": "from nothing"}
#: Whose difference is told, from which.
COMPARED: Final = (
    ("real+synthetic", "real"),
    ("real+augmented", "real"),
    ("real+synthetic", "real+augmented"),
    ("real+synthetic+augmented", "real"),
    ("real+synthetic+augmented", "real+augmented"),
    ("synthetic", "real"),
    ("synthetic+augmented", "real"),
    ("synthetic+augmented", "synthetic"),
)
#: Columns of a table that is still read at one look.
WIDEST: Final = 6


class Result:
    """All figures of a comparison whose runs are done."""

    def __init__(self, course: Course, command: str) -> None:
        self.course, self.config, self.command = course, course.config, command
        began = time.monotonic()
        test = course.test
        draws = Draws.of(test.patients, self.config.draws)

        def measured() -> Iterator[tuple[Any, Mapping[str, Measure]]]:
            for run, answers in course.answers():
                taught = {n for n, t in zip(course.task.classes, answers.pop("taught"), strict=True) if t}
                every = course.task.measures(test, answers)
                yield run, {n: m for n, m in every.items() if course.task.class_of(n) in taught | {None}}

        self.tables = tables(measured(), len(test), draws)
        self.counts = course.task.counts(test)
        self.seconds = time.monotonic() - began

    def write(self, folder: Path) -> None:
        """``downstream.json``, ``downstream.md`` and ``downstream.png``."""
        FigureFile(self.command, self.about, tuple(self.figures())).write(folder / "downstream.json")
        _put(folder / "downstream.md", self.markdown())
        draw(list(self.panels()), sorted(self.config.fractions), folder / "downstream.png")

    @property
    def about(self) -> dict[str, Any]:
        """What was compared."""
        course = self.course
        return {
            "task": course.task.name,
            "settings": self.config.model_dump(mode="json"),
            "size": course.task.size,
            "steps": self.config.steps or course.task.steps,
            "batch": self.config.batch or course.task.batch,
            "films": {
                "real, to train on": len(course.pool),
                "real patients, to train on": len(set(course.pool.patients)),
                "real, held out": len(course.test),
                "real patients, held out": len(set(course.test.patients)),
                "synthetic": len(course.synthetic),
            },
            **self._identities(),
            "seconds": round(self.seconds, 1),
        }

    def _identities(self) -> dict[str, Any]:
        """Which build is judged, and which others were learned from; nothing where none was."""
        known = [build_identity(Store(build)) for build in self.config.builds]
        return {"build": known[0], "others": known[1:]} if known else {}

    @property
    def judge(self) -> str:
        """The network and its lessons, in words."""
        task, told = self.course.task, self.about
        return f"{task.network_name}, {task.size} px, {told['steps']} steps of {told['batch']}"

    def cells(self) -> Iterator[Cell]:
        """All arms, fractions and backbones, in order."""
        for backbone in self.config.backbones:
            for arm in self.config.arms:
                for percent in percents(arm, self.config.fractions):
                    yield arm, percent, backbone

    def pairs(self) -> Iterator[tuple[Cell, Cell]]:
        """Cells whose difference is told."""
        cells = list(self.cells())
        for more, less in COMPARED:
            for arm, percent, backbone in cells:
                if arm == more:
                    at = percent or (max(self.config.fractions) if ARMS[less].real else 0)
                    if (less, at, backbone) in cells:
                        yield (arm, percent, backbone), (less, at, backbone)

    def figures(self) -> Iterator[Figure]:
        """Each measure of each cell, then the differences."""
        for name, told in self.names():
            for cell in self.cells():
                yield self._figure(name, f"arm={named(cell)}", told.estimate(cell) if told else None)
            for cell, other in self.pairs():
                found = told.difference(cell, other) if told else None
                yield self._figure(f"{name}, difference", f"arm={named(cell)} minus {named(other)}", found)

    def names(self) -> Iterator[tuple[str, Table | None]]:
        """Every measure, and its table; None where no run could be measured."""
        for name in self.counts:
            yield name, self.tables.get(name)

    def panels(self) -> Iterator[Panel]:
        """A panel for each backbone and measure, what could not be measured left out."""
        for backbone in self.config.backbones:
            for name, told in self.names():
                arms: dict[str, list[tuple[int, Estimate]]] = {}
                for arm, percent, start in self.cells():
                    if start == backbone and told and (found := told.estimate((arm, percent, start))):
                        arms.setdefault(arm, []).append((percent, found))
                if arms:
                    yield Panel(f"{name}, {STARTS[backbone]}", arms)

    def _figure(self, name: str, group: str, found: Estimate | None) -> Figure:
        counts = self.counts[name.removesuffix(", difference")]
        if found is None:
            note = "not measured: too few held-out films, or nothing in the arm's films teaches it"
            return Figure(name, self.judge, None, group=group, counts=counts, note=note)
        low, high = (round(v, 4) if math.isfinite(v) else None for v in (found.low, found.high))
        counts = counts | {"seeds": found.seeds}
        return Figure(name, self.judge, round(found.value, 4), low, high, group=group, counts=counts)

    def markdown(self) -> str:
        """One table: a row an arm, a column a measure; and one of the differences."""
        names = [name for name, _ in self.names()]
        rows = [
            [named(cell), *(_cell(t.estimate(cell) if t else None) for _, t in self.names())]
            for cell in self.cells()
        ]
        lines = [
            f"# {self.course.task.name}: {self.judge}\n",
            self._counted() + "\n",
            _laid(["arm", *names], rows),
        ]
        differences = [
            [
                f"{named(a)} minus {named(b)}",
                *(_cell(t.difference(a, b) if t else None, "+") for _, t in self.names()),
            ]
            for a, b in self.pairs()
        ]
        if differences:
            lines += ["Differences, same patients and seeds; bold: the interval is on one side of 0.\n"]
            lines += [_laid(["", *names], differences)]
        return "\n".join([*lines, f"`{self.command}`\n"])

    def _counted(self) -> str:
        films = self.about["films"]
        told = "; ".join(
            f"{name}: {', '.join(f'{n} {what}' for what, n in counts.items())}"
            for name, counts in self.counts.items()
        )
        return (
            f"{films['real, to train on']} real films of {films['real patients, to train on']} patients to "
            f"train on, {films['real, held out']} of {films['real patients, held out']} to test on, "
            f"{films['synthetic']} synthetic films; {len(self.config.seeds)} seeds. Intervals: patients and "
            f"seeds drawn anew {self.config.draws} times. {told}."
        )


def _laid(head: list[str], rows: list[list[str]]) -> str:
    """A table, turned where it would be too wide to read."""
    if len(head) <= WIDEST:
        return table(head, rows)
    first, *others = zip(head, *rows, strict=True)
    return table(first, others)


def named(cell: Cell) -> str:
    """A cell in words."""
    arm, percent, backbone = cell
    return f"{arm}{f', {percent} % of patients' if percent else ''}, {STARTS[backbone]}"


def _cell(found: Estimate | None, sign: str = "") -> str:
    if found is None:
        return "–"
    text = f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"
    return f"**{text}**" if sign and (found.low > 0 or found.high < 0) else text


def _put(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
