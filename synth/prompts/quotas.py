"""How many of which kind are wanted: the cells of a build's quotas, and those that a case lies in."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final, Literal, get_args

from synth.cases import Case
from synth.findings import FINDING_NAMES, FINDINGS, Sex, Side, View

Kind = Literal["finding", "side", "view", "sex", "age"]
#: In the order in which cells name them.
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
#: Cases without a finding have a cell as a finding has one.
NORMAL: Final = "normal"
CELL_FINDINGS: Final = (*FINDING_NAMES, NORMAL)
#: Years at which an age band ends and the next begins, unless told otherwise.
AGES: Final = (40, 65)
OLDEST: Final = 120
_SIDES: Final[tuple[Side, ...]] = ("right", "left")


@dataclass(frozen=True)
class Cell:
    """One kind of case; ``None`` leaves a value open. ``ages``: first and last year of a band.

    A bilateral finding is on the right and on the left, and lies in the cells of both.
    """

    finding: str | None = None
    side: Side | None = None
    view: View | None = None
    sex: Sex | None = None
    ages: tuple[int, int] | None = None

    def __str__(self) -> str:
        finding = self.finding and self.finding.replace("_", " ")
        return ", ".join(part for part in (finding, self.side, self.view, self.sex, self._band) if part)

    @property
    def _band(self) -> str:
        if self.ages is None:
            return ""
        first, last = self.ages
        if last == OLDEST:
            return f"{first} and over"
        return f"under {last + 1}" if first == 0 else f"{first} to {last}"


@dataclass(frozen=True)
class Quotas:
    """``count`` accepted samples are wanted in each cell of the cross product ``of`` some kinds.

    ``findings`` are those that have cells, NORMAL among them; ``ages`` the years at which a band ends and
    the next begins.
    """

    count: int
    of: tuple[Kind, ...]
    findings: tuple[str, ...] = ()
    ages: tuple[int, ...] = ()

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All of them, in the order in which they are asked for."""
        views = get_args(View) if "view" in self.of else (None,)
        sexes = get_args(Sex) if "sex" in self.of else (None,)
        return tuple(
            Cell(finding, side, view, sex, band)
            for (finding, side), view, sex, band in product(self._places(), views, sexes, self._bands())
        )

    @property
    def fewest(self) -> int:
        """The least samples that can fill all cells: one has several findings, but one view, sex and age."""
        apart = 2 if "finding" in self.of and NORMAL in self.findings and len(self.findings) > 1 else 1
        for kind, values in (("view", get_args(View)), ("sex", get_args(Sex)), ("age", self._bands())):
            apart *= len(values) if kind in self.of else 1
        return self.count * apart

    def of_case(self, case: Case) -> frozenset[int]:
        """The cells that a case lies in, by their index."""
        findings = [(request.name, request.side) for request in case.findings]
        return self.places(findings, case.complete, case.age, case.sex, case.view)

    def places(
        self,
        findings: Iterable[tuple[str, str | None]],
        complete: bool,
        age: int | None,
        sex: str | None,
        view: str | None,
    ) -> frozenset[int]:
        """As :meth:`of_case`; ``findings`` are names with sides, ``complete``: whether they are all."""
        whats = self._whats(list(findings), complete)
        views, sexes = view if "view" in self.of else None, sex if "sex" in self.of else None
        band = self._band(age)
        keys = ((*what, views, sexes, band) for what in whats)
        return frozenset(self._at[key] for key in keys if key in self._at)

    @cached_property
    def _at(self) -> dict[tuple[object, ...], int]:
        return {(c.finding, c.side, c.view, c.sex, c.ages): i for i, c in enumerate(self.cells)}

    def _places(self) -> Iterator[tuple[str | None, Side | None]]:
        for finding in self.findings if "finding" in self.of else (None,):
            yield from ((finding, side) for side in self._sides(finding))

    def _sides(self, finding: str | None) -> tuple[Side | None, ...]:
        lateral = finding in FINDINGS and FINDINGS[finding].lateral
        return _SIDES if "side" in self.of and lateral else (None,)

    def _bands(self) -> tuple[tuple[int, int] | None, ...]:
        if "age" not in self.of:
            return (None,)
        firsts = (0, *self.ages)
        return tuple(zip(firsts, (*(a - 1 for a in self.ages), OLDEST), strict=True))

    def _band(self, age: int | None) -> tuple[int, int] | None:
        if "age" not in self.of or age is None:
            return None
        return self._bands()[bisect_right(self.ages, age)]

    def _whats(
        self, findings: list[tuple[str, str | None]], complete: bool
    ) -> Iterator[tuple[str | None, str | None]]:
        if "finding" not in self.of:
            yield None, None
        elif complete and not findings:
            yield NORMAL, None
        for name, side in findings if "finding" in self.of else ():
            sides = self._sides(name)
            yield from ((name, s) for s in sides if s is None or side in (s, "bilateral"))
