"""One build's hold on its output: locked, matched with what stands there, resumed, finalised."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from flows.config.identity import frozen_fields, result_fields
from flows.config.schema import BuildConfig
from flows.config.shards import Tally, shortfall
from manifests.builds import finalise
from manifests.commits import Commit, read_commits, standing_commits
from manifests.identity import check_settings, open_build
from manifests.locks import Lock
from manifests.parts import rows_of
from manifests.quotas import committed_cells, short_cells
from manifests.seldom import warning
from manifests.store import Store
from manifests.vanished import REFUSED, vanished
from synth.scratch import clear_abandoned


@dataclass
class Session:
    """``done``: shard number -> what became of its candidates, by the commits that count."""

    config: BuildConfig
    store: Store
    done: dict[int, Tally] = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        """Over all shards done."""
        return sum(self.done.values(), Tally())

    def finalise(self) -> dict[str, Any]:
        """Writes manifest and index; returns totals, in ``shortfall`` why there are too few, in lines the
        cells that are ``short`` and the findings that ``vanished``, and in one those ``seldom`` accepted."""
        index = finalise(self.store)
        total, quotas = self.total, self.config.quotas
        rows = (rows_of(self.store, [c], REFUSED) for c in read_commits(self.store).values())
        return {
            "output": self.config.output,
            "shards": len(self.done),
            "candidates": total.candidates,
            "accepted": total.accepted,
            "rejected": total.rejected,
            "failed": total.failed,
            "shortfall": shortfall(self.config, total),
            "short": short_cells(quotas, total.cells) if quotas else [],
            "vanished": [str(finding) for finding in vanished(index.counts, rows)],
            "seldom": warning(index.counts.seldom or {}),
        }


@dataclass(frozen=True)
class Claim:
    """An output that is ours to build in: its lock is held."""

    output: str
    lock: Lock


# Whoever starts a build claims its output before anything heavy is loaded; the flow finds the claim here.
_claim: ContextVar[Claim | None] = ContextVar("claim", default=None)


@contextmanager
def claim(config: BuildConfig) -> Iterator[Claim]:
    """Locks the output of a settled config for the block, within which claims of it are this one.

    Needs no models. Raises ``UserError`` with one line when another build holds the output or when it was
    begun with other settings: a folder that is not this build's is left as it is.
    """
    if (held := _claim.get()) and held.output == config.output:
        yield held
        return
    store = Store(config.output)
    clear_abandoned()
    check_settings(store, result_fields(config))  # before the lock, which is a file too
    with store.lock() as lock:
        token = _claim.set(Claim(config.output, lock))
        try:
            yield Claim(config.output, lock)
        finally:
            _claim.reset(token)


@contextmanager
def open_session(config: BuildConfig, digests: Mapping[str, str]) -> Iterator[Session]:
    """Claims the output and reads what is done. Raises ``UserError`` as :func:`claim`, and when it was begun
    with other weights."""
    store = Store(config.output)
    with claim(config):
        open_build(store, frozen_fields(config, digests))
        # A shard with failed candidates is built again; it is replaced when that one commits.
        counts = {number: tally(commit, store, config) for number, commit in standing_commits(store).items()}
        yield Session(config, store, {n: t for n, t in counts.items() if not t.failed})


def tally(commit: Commit, store: Store, config: BuildConfig) -> Tally:
    """A commit's counts, those of cells read off its rows."""
    quotas = config.quotas
    cells = committed_cells(quotas, store, [commit]) if quotas else ()
    return Tally(commit.accepted, commit.rejected, commit.failed, cells)
