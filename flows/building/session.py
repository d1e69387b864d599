"""One build's hold on its output: locked, matched with what stands there, resumed, finalised."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flows.config.identity import frozen_fields
from flows.config.schema import BuildConfig
from flows.config.shards import Tally, shortfall
from manifests.builds import finalise
from manifests.commits import Commit, standing_commits
from manifests.identity import check_build, open_build
from manifests.store import Store
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
        """Writes manifest and index; returns totals, and in ``shortfall`` why there are too few."""
        finalise(self.store)
        total = self.total
        return {
            "output": self.config.output,
            "shards": len(self.done),
            "candidates": total.candidates,
            "accepted": total.accepted,
            "rejected": total.rejected,
            "failed": total.failed,
            "shortfall": shortfall(self.config, total),
        }


@contextmanager
def open_session(config: BuildConfig, digests: Mapping[str, str]) -> Iterator[Session]:
    """Locks the output and reads what is done. Raises ``UserError`` with one line when another
    build holds it or when it was begun with another config, weights or schema: a folder that is not this
    build's is left as it is."""
    store, wanted = Store(config.output), frozen_fields(config, digests)
    clear_abandoned()
    check_build(store, wanted)  # before the lock, which is a file too
    with store.lock():
        open_build(store, wanted)
        # A shard with failed candidates is built again; it is replaced when that one commits.
        counts = {number: tally(commit) for number, commit in standing_commits(store).items()}
        yield Session(config, store, {n: t for n, t in counts.items() if not t.failed})


def tally(commit: Commit) -> Tally:
    """A commit's counts."""
    return Tally(commit.accepted, commit.rejected, commit.failed)
