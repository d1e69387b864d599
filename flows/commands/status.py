"""`synthorax status`: how far a build is, from its commits and from what the one that runs says."""

from contextlib import suppress

from rich.console import Console

from flows.building.session import tally
from flows.commands.cells import CELLS, cell_table
from flows.config.identity import recorded_fields
from flows.config.reading import parse_config
from flows.config.schema import BuildConfig
from flows.config.shards import Tally, missing_shards, shard_count, shortfall
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.index import read_index
from manifests.layout import BUILD, INDEX
from manifests.locks import Holder
from manifests.quotas import CellCount
from manifests.seldom import MARK, read_seldom, warning
from manifests.selection import Seldom
from manifests.store import Store
from manifests.vanished import Vanished, vanished
from synth.terminal import printable


def run(dataset: str) -> None:
    """Prints counts and what is missing; loads no model."""
    store = Store(dataset)
    holder = store.holder()
    if holder and not store.exists(BUILD):
        print(f"{printable(dataset)}: nothing committed yet")
        print(f"state: {_running(holder)}")
        return
    config = parse_config(recorded_fields(read_build(store), dataset), f"{dataset}/build.json")
    done = {number: tally(commit, store, config) for number, commit in read_commits(store).items()}
    total = sum(done.values(), Tally())
    ceiling = shard_count(config)
    print(
        f"{printable(dataset)}: {total.candidates} candidates = {total.accepted} accepted + "
        f"{total.rejected} rejected + {total.failed} failed"
    )
    print(f"shards: {len(done)} committed, at most {ceiling}")
    seldom = _seldom(store)
    if quotas := config.quotas:
        Console().print(cell_table(quotas, total.cells or [CellCount()] * len(quotas.cells), seldom, CELLS))
    for finding in _vanished(store):
        print(finding)
    if seldom:
        print(f"{MARK} {warning(seldom)}")
    print(f"state: {_running(holder) if holder else _state(config, done, store.exists(INDEX))}")


def _vanished(store: Store) -> list[Vanished]:
    """As the index counts them; whether an index is damaged is for `synthorax verify` to say."""
    with suppress(DatasetError):
        if index := read_index(store):
            return vanished(index.counts)
    return []


def _seldom(store: Store) -> Seldom:
    """As the card has them, of a build without one as the audit; damage is for `synthorax verify` to say."""
    with suppress(DatasetError):
        return read_seldom(store)
    return {}


def _running(holder: Holder) -> str:
    doing = f": {printable(holder.note, 200)}" if holder.note else ""
    return f"process {printable(holder.process)} is at work{doing}"


def _state(config: BuildConfig, done: dict[int, Tally], finalised: bool) -> str:
    total = sum(done.values(), Tally())
    if missing := missing_shards(config, done):
        return f"unfinished, {len(missing)} shards to go in this wave: run the build again"
    if total.failed:
        return f"{total.failed} candidates failed: run the build again to retry them"
    if not finalised:
        return "all shards stand, the index is missing: run the build again"
    return shortfall(config, total) or "complete"
