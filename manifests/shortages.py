"""What a card says of what was wanted and is not there: findings that vanished, and cells of quotas."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from manifests.index import Counts
from manifests.quotas import CellCount, count_cells, recorded_quotas, shortest_first
from manifests.vanished import Vanished, vanished
from synth.prompts.quotas import Quotas


@dataclass(frozen=True)
class Shortages:
    """``cells``: a count for each cell of the ``quotas``, where there are any; those of ``seldom`` accepted
    findings have a mark."""

    vanished: Sequence[Vanished] = ()
    quotas: Quotas | None = None
    cells: Sequence[CellCount] = ()
    seldom: Container[str] = ()

    @property
    def vanished_text(self) -> str:
        """What follows the table of findings; empty where none vanished."""
        if not self.vanished:
            return ""
        lines = "\n".join(f"- {finding}" for finding in self.vanished)
        return f"\n\nAsked for, and hardly ever accepted:\n\n{lines}"

    @property
    def cells_text(self) -> str:
        """Of each cell how many were asked for and accepted, the shortest first; empty without quotas."""
        if self.quotas is None:
            return ""
        full = sum(count.accepted >= self.quotas.count for count in self.cells)
        lines = [
            f"{self.quotas.count:,} accepted samples were wanted in each of {len(self.cells):,} cells; "
            f"{full:,} have them. A sample counts in each cell that it lies in.",
            "",
            "| cell | asked for | accepted |",
            "| --- | ---: | ---: |",
        ]
        for cell, count in shortest_first(self.quotas, self.cells, self.seldom):
            lines.append(f"| {cell} | {count.asked:,} | {count.accepted:,} |")
        return "\n".join(lines)


NOTHING: Final = Shortages()


def shortages(build: Mapping[str, Any], counts: Counts, rows: Callable[[], Iterable[pa.Table]]) -> Shortages:
    """From a ``build.json``, the sums over its rows, and the rows, which are read only where needed.

    :raises DatasetError: for recorded quotas that are none.
    """
    quotas = recorded_quotas(build)
    cells = count_cells(quotas, rows()) if quotas else ()
    return Shortages(vanished(counts, rows()), quotas, cells, counts.seldom or {})
