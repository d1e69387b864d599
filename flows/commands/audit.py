"""`synthorax audit`: where candidates went and why, how scores lie, what other thresholds do."""

from collections.abc import Sequence

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.commands.cells import cell_table
from manifests.audit import (
    Histogram,
    Replay,
    Waterfall,
    histograms,
    read_manifest,
    replay,
    shares_of,
    waterfall,
)
from manifests.draws import Draws, draws_of, in_words, redraws_of
from manifests.identity import read_build
from manifests.index import count_rows
from manifests.layout import BUILD
from manifests.quotas import count_cells, recorded_quotas
from manifests.schema import Column, filter_columns
from manifests.seldom import MARK, read_seldom, warning, with_mark
from manifests.selection import Seldom, Shares, rows_of, skews
from manifests.store import Store
from manifests.vanished import vanished
from synth.errors import UserError
from synth.strict_yaml import parse_yaml
from synth.terminal import printable, shown

_BLOCKS = " ▁▂▃▄▅▆▇█"
_BINS = 40


def run(dataset: str, overrides: Sequence[str]) -> None:
    """Prints the audit; reads nothing but the manifest, of ``build.json`` how often is drawn again, and of
    the index which findings are seldom accepted."""
    thresholds = parse_thresholds(overrides)
    store = Store(dataset)
    table = read_manifest(store)
    redraws = redraws_of(read_build(store)) if store.exists(BUILD) else 0
    columns = filter_columns(table.schema)
    console = Console()
    if thresholds:
        found = replay(table, thresholds, redraws)
        held = [f"{name} {columns[name].keep} {value:g}" for name, value in thresholds.items()]
        _print_replay(console, found, held, redraws)
        return
    _print_waterfall(console, waterfall(table))
    if redraws:
        _print_draws(console, draws_of(table), redraws)
    _print_errors(console, [e for e in table["error"].to_pylist() if e])
    seldom = read_seldom(store)
    _print_shares(console, shares_of(table), seldom)
    _print_missing(console, store, table, seldom)
    for name, histogram in histograms(table, bins=_BINS).items():
        _print_histogram(console, columns[name], histogram)


def parse_thresholds(overrides: Sequence[str]) -> dict[str, float]:
    """``filters.NAME.threshold=VALUE`` items as a mapping. Raises :class:`UserError`."""
    out = {}
    for item in overrides:
        path, _, text = item.partition("=")
        parts = path.split(".")
        if len(parts) != 3 or (parts[0], parts[2]) != ("filters", "threshold"):
            raise UserError(f"--set {shown(item)}: expected filters.NAME.threshold=VALUE")
        try:
            value = parse_yaml(text)
        except UserError as error:
            raise UserError(f"--set {shown(item)}: {error}") from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"--set {shown(item)}: expected a number")
        out[parts[1]] = float(value)
    return out


def _plain(text: str) -> str:
    """Text from data: neither a terminal nor rich takes it for a sign of theirs."""
    return escape(printable(text))


def _print_waterfall(console: Console, found: Waterfall) -> None:
    console.print(
        f"[bold]{found.candidates} candidates[/] = {found.accepted} accepted + "
        f"{found.rejected} rejected + {found.failed} failed"
    )
    table = Table("filter", box=None, pad_edge=False)
    for column in ("judged", "skipped", "said no", "first", "alone", "left"):
        table.add_column(column, justify="right")
    for name, row in found.filters.iterrows():
        counts = (row["judged"], row["skipped"], row["failing"], row["first"], row["alone"])
        table.add_row(str(name), *map(str, counts), str(row["left"]))
    console.print(table)


def _print_draws(console: Console, draws: Draws, redraws: int) -> None:
    console.print(f"\n{in_words(draws, redraws)}", highlight=False, soft_wrap=True)
    table = Table("draw", box=None, pad_edge=False)
    for column in ("judged", "accepted", "share"):
        table.add_column(column, justify="right")
    for draw, counts in enumerate(draws):
        judged, accepted = counts["judged"], counts["accepted"]
        table.add_row(str(draw), str(judged), str(accepted), f"{accepted / max(judged, 1):.0%}")
    console.print(table)


def _print_errors(console: Console, errors: Sequence[str]) -> None:
    for error in sorted(set(errors)):
        console.print(f"{errors.count(error)} failed: {printable(error)}", markup=False)


def _print_shares(console: Console, shares: Shares, seldom: Seldom) -> None:
    table = Table("asked for", "", box=None, pad_edge=False)
    for column in ("judged", "accepted", "share"):
        table.add_column(column, justify="right")
    last = ""
    for group, value, judged, accepted in rows_of(shares):
        cells = (str(judged), str(accepted), f"{accepted / judged:.0%}")
        title = with_mark(value, value.replace("_", " "), seldom)
        table.add_row("" if group == last else group, title, *cells)
        last = group
    console.print()
    console.print(table)
    for words in skews(shares):
        console.print(f"far from the share of all: {words}", highlight=False, soft_wrap=True)


def _print_missing(console: Console, store: Store, table: pa.Table, seldom: Seldom) -> None:
    for finding in vanished(count_rows([table]), [table]):
        console.print(_plain(str(finding)), highlight=False, soft_wrap=True)
    if seldom:
        console.print(f"{MARK} {warning(seldom)}", highlight=False, soft_wrap=True)
    if quotas := recorded_quotas(read_build(store)) if store.exists(BUILD) else None:
        console.print()
        console.print(cell_table(quotas, count_cells(quotas, [table]), seldom))


def _print_histogram(console: Console, column: Column, histogram: Histogram) -> None:
    thresholds = ", ".join(f"{value:.4g}" for value in histogram.thresholds)
    console.print(
        f"\n[bold]{_plain(column.name)}[/], {_plain(column.question)}\n{_plain(column.unit)}; "
        f"kept: {histogram.keep} {thresholds}"
    )
    top = max((histogram.passing + histogram.failing).max(), 1)
    bars = []
    for passing, failing in zip(histogram.passing, histogram.failing, strict=True):
        height = -(-(passing + failing) * (len(_BLOCKS) - 1) // top)  # up: one sample is seen
        colour = "green" if passing >= failing else "red"
        bars.append(f"[{colour}]{_BLOCKS[height]}[/]")
    low, high = f"{histogram.edges[0]:.3g}", f"{histogram.edges[-1]:.3g}"
    lost = f"  ({histogram.not_finite} not a number)" if histogram.not_finite else ""
    console.print(f"{low:>8} {''.join(bars)} {high}{lost}")


def _print_replay(console: Console, found: Replay, held: Sequence[str], redraws: int) -> None:
    counts = f"{found.accepted} accepted, {found.rejected} rejected, {found.failed} failed"
    console.print(f"[bold]with {', '.join(held)}[/]: {counts}")
    console.print(f"{len(found.gained)} gained, {len(found.lost)} lost")
    if redraws:
        at = ", ".join(f"{count} at draw {draw}" for draw, count in enumerate(found.draws)) or "none"
        console.print(f"accepted: {at}", highlight=False)
    if found.undecided:
        why = ", or draws that would have followed were not made" if redraws else ""
        console.print(f"{len(found.undecided)} undecided: skipped filters never judged them{why}")
    table = Table("finding", box=None, pad_edge=False)
    for title in ("accepted before", "after", "undecided"):
        table.add_column(title, justify="right")
    for name, row in found.findings.iterrows():
        table.add_row(str(name), *(str(row[key]) for key in ("before", "after", "undecided")))
    console.print(table)
