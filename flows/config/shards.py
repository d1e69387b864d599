"""Which shards are to be built: fixed ranges of candidates, appended in waves until enough pass.

How large a wave is depends on the results of earlier waves alone, which are the same on every
machine: never on how many workers there are or how fast they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from flows.config.schema import BuildConfig

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
    """What became of some candidates; rejected: a filter said no; failed: something broke."""

    accepted: int = 0
    rejected: int = 0
    failed: int = 0

    @property
    def candidates(self) -> int:
        """All of them."""
        return self.accepted + self.rejected + self.failed

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.failed + other.failed,
        )


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
    if config.accepted is None or total.accepted >= config.accepted:
        return None
    share = total.accepted / total.candidates if total.candidates else 0.0
    return (
        f"accepted: {config.accepted} wanted, {total.accepted} reached with all "
        f"{total.candidates} candidates ({share:.0%} pass, {total.failed} failed): "
        "raise candidates or loosen the filter that `synthorax audit` shows to reject most"
    )


def _is_whole(config: BuildConfig, number: int, done: Tally | None) -> bool:
    """Whether a shard has all its candidates: the last one of a smaller build has fewer."""
    return done is not None and done.candidates >= len(shard(config, number).keys)


def _next_wave(config: BuildConfig, stop: int, done: Mapping[int, Tally]) -> range | None:
    """The wave that starts at shard ``stop``, None when no further wave is needed or possible."""
    ceiling = shard_count(config)
    if stop >= ceiling:
        return None
    if config.accepted is None:
        return range(stop, ceiling)
    total = sum((done[number] for number in range(stop)), Tally())
    wanted = config.accepted - total.accepted
    if wanted <= 0:
        return None
    # Laplace's rule keeps the share above 0; before the first wave all are taken to pass.
    share = (total.accepted + 1) / (total.candidates + 2) if stop else 1.0
    size = math.ceil(wanted / share / config.shard_size)
    if stop:
        size = min(size, stop)  # at most double: an early low share must not decide everything
    return range(stop, min(stop + max(size, 1), ceiling))
