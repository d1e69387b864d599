"""Which shards are to be built: fixed ranges of candidates, appended in waves until enough pass.

How large a wave is depends on the results of earlier waves alone, which are the same on every
machine: never on how many workers there are or how fast they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from flows.config.schema import BuildConfig
from manifests.quotas import CellCount

KEY_DIGITS = 9


@dataclass(frozen=True)
class Shard:
    """Candidates ``first`` up to, but not including, ``stop``, as global indices."""

    number: int
    first: int
    stop: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The candidates' keys: digits only, so that WebDataset does not split them."""
        return tuple(f"{index:0{KEY_DIGITS}d}" for index in range(self.first, self.stop))


@dataclass(frozen=True)
class Tally:
    """What became of some candidates; rejected: a filter said no; failed: something broke.

    ``cells``: of a build with quotas, how many of those in each cell were asked for, and accepted.
    """

    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    cells: tuple[CellCount, ...] = ()

    @property
    def candidates(self) -> int:
        """All of them."""
        return self.accepted + self.rejected + self.failed

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.failed + other.failed,
            _sum(self.cells, other.cells),
        )


def _sum(one: tuple[CellCount, ...], other: tuple[CellCount, ...]) -> tuple[CellCount, ...]:
    """Of all shards, or where no shard is counted yet of the others."""
    if not (one and other):
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))


def shard_count(config: BuildConfig) -> int:
    """How many shards the ceiling ``candidates`` allows."""
    return math.ceil(config.candidates / config.shard_size)


def shard(config: BuildConfig, number: int) -> Shard:
    """The candidates of one shard; only the last can be smaller than ``shard_size``."""
    if not 0 <= number < shard_count(config):
        raise IndexError(f"shard {number} of {shard_count(config)}")
    first = number * config.shard_size
    return Shard(number, first, min(first + config.shard_size, config.candidates))


def missing_shards(config: BuildConfig, done: Mapping[int, Tally]) -> list[int]:
    """The shards to build next, given those done; empty when the build has what it wants.

    Replays the waves from the first one, so a resumed build takes the decisions that an
    uninterrupted one would have taken.
    """
    stop = 0
    while (wave := _next_wave(config, stop, done)) is not None:
        missing = [number for number in wave if not _is_whole(config, number, done.get(number))]
        if missing:
            return missing
        stop = wave.stop
    return []


def shortfall(config: BuildConfig, total: Tally) -> str | None:
    """Why a finished build has fewer accepted samples than wanted, None when it has enough."""
    if not any(goal.missing for goal in goals(config, total)):
        return None
    share = total.accepted / total.candidates if total.candidates else 0.0
    if quotas := config.quotas:
        full = sum(not goal.missing for goal in goals(config, total))
        wanted = f"accepted_per: {quotas.count} wanted in each of {len(quotas.cells)} cells, {full} have them"
    else:
        wanted = f"accepted: {config.accepted} wanted, {total.accepted} reached"
    return (
        f"{wanted} with all {total.candidates} candidates ({share:.0%} pass, {total.failed} failed): "
        "raise candidates or loosen the filter that `synthorax audit` shows to reject most"
    )


@dataclass(frozen=True)
class Goal:
    """Accepted samples that are wanted, and that there are."""

    wanted: int
    accepted: int

    @property
    def missing(self) -> int:
        """How many more are wanted."""
        return max(self.wanted - self.accepted, 0)


def goals(config: BuildConfig, total: Tally) -> list[Goal]:
    """What a build wants beyond candidates: ``accepted``, or so many in each cell, or nothing."""
    if quotas := config.quotas:
        counts = total.cells or [CellCount()] * len(quotas.cells)
        return [Goal(quotas.count, cell.accepted) for cell in counts]
    return [Goal(config.accepted, total.accepted)] if config.accepted is not None else []


def outlook(config: BuildConfig, total: Tally) -> float:
    """About how many candidates more it takes to reach all goals, at the shares accepted so far.

    Laplace's rule keeps a share above 0. Before anything is made all are taken to pass, which is the least.
    """
    if not total.candidates:
        return config.quotas.fewest if config.quotas else config.accepted or 0
    return max(goal.missing / ((goal.accepted + 1) / (total.candidates + 2)) for goal in goals(config, total))


def _is_whole(config: BuildConfig, number: int, done: Tally | None) -> bool:
    """Whether a shard has all its candidates: the last one of a smaller build has fewer."""
    return done is not None and done.candidates >= len(shard(config, number).keys)


def _next_wave(config: BuildConfig, stop: int, done: Mapping[int, Tally]) -> range | None:
    """The wave that starts at shard ``stop``, None when no further wave is needed or possible."""
    ceiling = shard_count(config)
    if stop >= ceiling:
        return None
    total = sum((done[number] for number in range(stop)), Tally())
    if not (wanted := goals(config, total)):
        return range(stop, ceiling)
    if not any(goal.missing for goal in wanted):
        return None
    size = math.ceil(outlook(config, total) / config.shard_size)
    if stop:
        size = min(size, stop)  # at most double: an early low share must not decide everything
    return range(stop, min(stop + max(size, 1), ceiling))
