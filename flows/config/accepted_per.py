"""The settings of quotas: how many accepted samples are wanted in each cell."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flows.config.group import Group
from flows.config.prompts import Prompts
from synth.errors import UserError
from synth.prompts.quotas import AGES, CELL_FINDINGS, KINDS, NORMAL, OLDEST, Kind, Quotas

CellFinding = Literal[CELL_FINDINGS]  # type: ignore[valid-type]
Year = Annotated[int, Field(ge=1, le=OLDEST)]


class AcceptedPer(Group):
    """``count`` accepted samples are wanted in each cell of the cross product ``of`` what is named.

    ``findings``: those that have cells, ``normal`` among them; None takes all that the build may ask for.
    ``ages``: years at which a band ends and the next begins; None takes 40 and 65.
    """

    count: Annotated[int, Field(ge=1, lt=10**9)]
    of: Annotated[tuple[Kind, ...], Field(min_length=1)]
    findings: Annotated[tuple[CellFinding, ...], Field(min_length=1)] | None = None
    ages: Annotated[tuple[Year, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _check_once("of", self.of)
        _check_once("findings", self.findings or ())
        if "side" in self.of and "finding" not in self.of:
            raise UserError("accepted_per.of: side without finding, expected both: sides are of findings")
        if self.findings and "finding" not in self.of:
            raise UserError("accepted_per.findings: given, expected none without finding in accepted_per.of")
        if self.ages and "age" not in self.of:
            raise UserError("accepted_per.ages: given, expected none without age in accepted_per.of")
        if any(a >= b for a, b in pairwise(self.ages or ())):
            raise UserError(f"accepted_per.ages: {list(self.ages or ())}, expected each above the one before")
        return self

    @property
    def quotas(self) -> Quotas:
        """What is wanted, in one order however it was written; of all findings where that is not settled."""
        findings = CELL_FINDINGS if self.findings is None else self.findings
        return Quotas(
            self.count,
            tuple(kind for kind in KINDS if kind in self.of),
            tuple(name for name in CELL_FINDINGS if name in findings) if "finding" in self.of else (),
            (self.ages or AGES) if "age" in self.of else (),
        )


def check_accepted_per(per: AcceptedPer, prompts: Prompts, candidates: int) -> None:
    """Raises ``UserError`` for quotas that the rest of a config contradicts."""
    settled = per.findings is not None or "finding" not in per.of
    if settled and per.quotas.fewest > candidates:
        raise UserError(
            f"accepted_per.count: {per.count}, expected fewer, or more candidates: all cells want at least "
            f"{per.quotas.fewest}, of {candidates}"
        )
    if prompts.file is None:
        _check_chances(per, prompts)


def _check_chances(per: AcceptedPer, prompts: Prompts) -> None:
    for kind, weights in (("sex", prompts.sex), ("view", prompts.view)):
        if weights and kind in per.of:
            raise UserError(
                f"prompts.{kind}: {dict(weights)}, expected none with {kind} in accepted_per.of: its cells "
                "are asked for equally often"
            )
    if prompts.age:
        _check_ages(per.quotas, prompts.age)
    if "finding" in per.of:
        _check_findings(per, prompts)


def _check_ages(quotas: Quotas, age: tuple[int, int]) -> None:
    for cell in quotas.cells:
        if cell.ages and not (cell.ages[0] <= age[1] and age[0] <= cell.ages[1]):
            raise UserError(
                f"prompts.age: {list(age)}, expected years of each band of accepted_per.ages "
                f"({list(quotas.ages)}), none is in {cell}"
            )


def _check_findings(per: AcceptedPer, prompts: Prompts) -> None:
    if prompts.normals:
        raise UserError(
            f"prompts.normals: {prompts.normals}, expected null or 0 with finding in accepted_per.of: cells "
            "are asked for equally often, that of normal too"
        )
    for name in per.findings or ():
        if name == NORMAL and prompts.normals == 0:
            raise UserError("prompts.normals: 0.0, expected null: accepted_per.findings has normal")
        if name != NORMAL and prompts.findings is not None and name not in prompts.findings:
            raise UserError(
                f"accepted_per.findings: {name}, expected findings of prompts.findings "
                f"({', '.join(prompts.findings)})"
            )
        if prompts.weights.get(name) == 0:
            raise UserError(f"prompts.weights.{name}: 0, expected above 0: accepted_per.findings has {name}")


def _check_once(field: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"accepted_per.{field}: {', '.join(values)}, expected each once")
