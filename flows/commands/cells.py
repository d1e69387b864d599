"""Cells of quotas as a table in the terminal."""

from collections.abc import Container, Sequence

from rich.table import Table

from manifests.quotas import CellCount, shortest_first
from synth.prompts.quotas import Quotas

#: Of many cells, those that are shown where there is more to say.
CELLS = 20


def cell_table(
    quotas: Quotas, counts: Sequence[CellCount], seldom: Container[str], most: int | None = None
) -> Table:
    """Accepted and asked for in each cell, the shortest first; at most so many, then how many more. Cells of
    ``seldom`` accepted findings have a mark."""
    full = sum(count.accepted >= quotas.count for count in counts)
    table = Table(
        f"cells: {quotas.count} accepted wanted in each, {full} of {len(counts)} have them",
        box=None,
        pad_edge=False,
    )
    for column in ("accepted", "asked for"):
        table.add_column(column, justify="right")
    cells = shortest_first(quotas, counts, seldom)
    for cell, count in cells[:most]:
        table.add_row(cell, str(count.accepted), str(count.asked))
    if rest := cells[len(cells[:most]) :]:
        table.add_row(f"{len(rest)} more cells", f"{rest[0][1].accepted} or more", "")
    return table
