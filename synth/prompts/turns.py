"""Cells of quotas take turns: which rows of a label table the case of a key may be drawn from."""

from dataclasses import dataclass

import numpy as np

from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.prompts.label_tables import SEX, VIEW, LabelTable
from synth.prompts.quotas import NORMAL, Cell, Quotas


@dataclass(frozen=True)
class Turn:
    """A cell's ``rows`` (N,) of a table, and the sum (N,) of their chances up to each."""

    cell: Cell
    rows: np.ndarray
    cumulative: np.ndarray


class Turns:
    """The key's index, modulo the number of cells, says whose turn it is: nothing else does.

    ``findings``: (rows, 13) bool, those of the table's that are asked for. ``chance``: (rows,) float, as of
    :class:`synth.prompts.sampler.PromptSampler`. Raises UserError, one line, for a cell that no row is in.
    """

    def __init__(self, quotas: Quotas, table: LabelTable, findings: np.ndarray, chance: np.ndarray) -> None:
        for kind, column in (("view", table.view), ("sex", table.sex), ("age", table.age)):
            if kind in quotas.of and (column < 0).all():
                raise UserError(
                    f"accepted_per.of: {kind}, but {table.name} does not say it, expected prompts.table "
                    "padchest or nih"
                )
        self._turns = [_turn(cell, table, findings, chance) for cell in quotas.cells]

    def at(self, key: str) -> Turn:
        """Whose turn it is at a key."""
        return self._turns[int(key) % len(self._turns)]


def _turn(cell: Cell, table: LabelTable, findings: np.ndarray, chance: np.ndarray) -> Turn:
    rows = np.flatnonzero(_inside(cell, table, findings) & (chance > 0))
    if not len(rows):
        raise UserError(
            f"accepted_per: no row of {table.name} that may be drawn is in the cell {cell}, expected "
            "one in each: name other findings, fewer kinds in of, or other ages"
        )
    return Turn(cell, rows, np.cumsum(chance[rows]))


def _inside(cell: Cell, table: LabelTable, findings: np.ndarray) -> np.ndarray:
    """(rows,) bool: whose findings, view, sex and age are the cell's; its side is drawn later."""
    inside = np.ones(len(table), dtype=bool)
    if cell.finding == NORMAL:
        inside &= ~findings.any(1)
    elif cell.finding is not None:
        inside &= findings[:, FINDING_NAMES.index(cell.finding)]
    if cell.view is not None:
        inside &= table.view == VIEW.index(cell.view)
    if cell.sex is not None:
        inside &= table.sex == SEX.index(cell.sex)
    if cell.ages is not None:
        inside &= (table.age >= cell.ages[0]) & (table.age <= cell.ages[1])
    return inside
