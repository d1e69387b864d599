"""Sources of cases: drawn like a real label table, or read from a user's file.

``parse`` and ``PromptFile`` are offered here too, so that this is the one module to import.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import numpy as np

from synth.cases import Case
from synth.demographics import Demographics
from synth.errors import UserError
from synth.findings import FINDING_NAMES, Sex, Side, View
from synth.prompts.files import PromptFile
from synth.prompts.label_tables import SEX, VIEW, LabelTable, load_table
from synth.prompts.phrases import write_prompt
from synth.prompts.places import draw_requests
from synth.prompts.quotas import Quotas
from synth.prompts.reports import Parsed, parse
from synth.prompts.turns import Turns
from synth.seeding import numpy_generator

__all__ = ["Parsed", "PromptFile", "PromptSampler", "PromptSource", "parse"]


class PromptSource(Protocol):
    """Gives the case of any key; ``length`` is the number of distinct rows, None when endless;
    ``notes`` are lines for the user."""

    @property
    def length(self) -> int | None: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def case(self, seed: int, key: str) -> Case:
        """The case of ``key`` in the build with ``seed``; equal whenever both are."""
        ...


class PromptSampler:
    """Endless cases drawn from the rows of a real label table, so that single and joint frequencies
    of findings, age, sex and view are the table's own.

    ``table``: one of :data:`synth.prompts.label_tables.TABLES`. ``findings``: only these are asked for; a
    row's other findings are dropped, not the row, so that the joint frequencies of those kept stay
    the real ones (leaving such rows out would make findings that come with others too rare).
    ``weights``, ``sex``, ``view``: a row's chance is multiplied by the weight (0 or more, 1 unless
    given) of each finding it keeps, of its sex and its view; 0 leaves such rows out. ``age``: first
    and last year of age. ``normals``: share of cases without findings, the table's own if None. ``quotas``:
    their cells take turns, and the case of a key is drawn from the rows of its cell.

    Raises UserError, one line, for an unknown name, a bad weight, or when no row is left.
    """

    length: int | None = None
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        table: str = "padchest",
        findings: Collection[str] | None = None,
        weights: Mapping[str, float] | None = None,
        age: tuple[int, int] | None = None,
        sex: Mapping[Sex, float] | None = None,
        view: Mapping[View, float] | None = None,
        normals: float | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        self.table = load_table(table)
        kept = self._kept(findings)
        self._check_names("prompts.weights", weights or {})
        self._rows = self.table.findings & np.isin(FINDING_NAMES, kept)
        chance = self._finding_chance(weights or {})
        chance *= _code_chance(self.table, "sex", self.table.sex, SEX, sex)
        chance *= _code_chance(self.table, "view", self.table.view, VIEW, view)
        if age is not None:
            if (self.table.age < 0).all():
                raise UserError(f"prompts.age: {table} has no ages, expected padchest or nih")
            chance *= (self.table.age >= age[0]) & (self.table.age <= age[1])
        if normals is not None:
            chance = self._with_normals(chance, normals)
        if not chance.sum() > 0:
            raise UserError(
                f"prompts: no row of {table} is left by findings, weights, age, sex, view and "
                "normals, expected at least one"
            )
        self._cumulative = np.cumsum(chance)
        self._turns = Turns(quotas, self.table, self._rows, chance) if quotas else None

    def case(self, seed: int, key: str) -> Case:
        """The case of ``key``: its prompt parses back to its findings, age, sex and view."""
        rng = numpy_generator(seed, key, "prompt")
        row, held = self._row(key, rng)
        names = [FINDING_NAMES[i] for i in rng.permutation(np.flatnonzero(self._rows[row]))]
        requests = draw_requests(names, rng, held)
        age, sex, view = self.table.age[row], self.table.sex[row], self.table.view[row]
        who = Demographics(
            int(age) if age >= 0 else None,
            SEX[sex] if sex >= 0 else None,
            VIEW[view] if view >= 0 else None,
        )
        prompt = write_prompt(requests, who, rng)
        return Case(key, seed, prompt, requests, who.age, who.sex, who.view)

    def _row(self, key: str, rng: np.random.Generator) -> tuple[int, dict[str, Side]]:
        """The row of a key, and the side that its cell wants a finding on."""
        if self._turns is None:
            return _draw(self._cumulative, rng), {}
        turn = self._turns.at(key)
        finding, side = turn.cell.finding, turn.cell.side
        held = {finding: side} if finding and side else {}
        return int(turn.rows[_draw(turn.cumulative, rng)]), held

    def _kept(self, findings: Collection[str] | None) -> list[str]:
        if findings is None:
            return list(FINDING_NAMES)
        self._check_names("prompts.findings", findings)
        return list(findings)

    def _check_names(self, field: str, names: Collection[str]) -> None:
        for name in names:
            if name not in FINDING_NAMES:
                raise UserError(f"{field}: {name!r}, expected one of {', '.join(FINDING_NAMES)}")
            if name not in self.table.labelled:
                raise UserError(
                    f"{field}: {name!r} does not occur in {self.table.name}, expected one of "
                    f"{', '.join(self.table.labelled)} (padchest has all 13)"
                )

    def _finding_chance(self, weights: Mapping[str, float]) -> np.ndarray:
        chance = np.ones(len(self.table))
        for name, weight in weights.items():
            _check_weight(f"prompts.weights.{name}", weight)
            chance[self._rows[:, FINDING_NAMES.index(name)]] *= weight
        return chance

    def _with_normals(self, chance: np.ndarray, normals: float) -> np.ndarray:
        if not 0 <= normals <= 1:
            raise UserError(f"prompts.normals: {normals}, expected a share from 0 to 1")
        abnormal = self._rows.any(1)
        out = np.zeros_like(chance)
        for group, share in ((abnormal, 1 - normals), (~abnormal, normals)):
            total = chance[group].sum()
            if share and not total:
                raise UserError(f"prompts.normals: {normals}, but {self.table.name} has no such rows left")
            if share:
                out[group] = chance[group] * (share / total)
        return out


def _draw(cumulative: np.ndarray, rng: np.random.Generator) -> int:
    at = rng.random() * cumulative[-1]  # below the last: its rounding draws no wrong row
    return int(np.searchsorted(cumulative, at, side="right"))


def _check_weight(field: str, weight: float) -> None:
    if not (np.isfinite(weight) and weight >= 0):
        raise UserError(f"{field}: {weight}, expected a finite number of 0 or more")


def _code_chance(
    table: LabelTable,
    field: str,
    column: np.ndarray,
    codes: tuple[str, ...],
    weights: Mapping[Sex, float] | Mapping[View, float] | None,
) -> np.ndarray:
    """(rows,) float: the weight of each row's code; rows without one are left out when asked for."""
    if not weights:
        return np.ones(len(table))
    if (column < 0).all():
        raise UserError(f"prompts.{field}: {table.name} has none, expected padchest or nih")
    by_code = np.ones(len(codes) + 1)
    by_code[-1] = 0  # unknown
    for code, weight in weights.items():
        if code not in codes:
            raise UserError(f"prompts.{field}: {code!r}, expected one of {', '.join(codes)}")
        _check_weight(f"prompts.{field}.{code}", weight)
        by_code[codes.index(code)] = weight
    return by_code[column]
