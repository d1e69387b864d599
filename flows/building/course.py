"""The course of a build: what it is doing, how far it is, how fast, and when it will be done."""

import threading
from collections.abc import Callable, Mapping

from flows.config.pace import Pace
from flows.config.schema import BuildConfig
from flows.config.shards import Tally, goals, outlook


class Course:
    """Counts candidates as they are made and committed; several threads tell it.

    With ``accepted`` or ``accepted_per`` the end is an estimate out of the share accepted so far.
    """

    def __init__(self) -> None:
        self._noted: Callable[[str], None] = lambda line: None
        self.pace = Pace()
        self._stage = "loading models"
        self._lock = threading.Lock()
        self._config: BuildConfig | None = None
        self._total = Tally()

    def note_in(self, note: Callable[[str], None]) -> None:
        """From now on ``note`` is told each change."""
        self._noted = note
        note(str(self))

    def start(self, config: BuildConfig, done: Mapping[int, Tally]) -> None:
        """Shards are built from now on; counts what an earlier run has committed."""
        with self._lock:
            self._config, self._stage = config, ""
            self._total = sum(done.values(), Tally())
            self.pace.start(self._total.candidates, self._end(config))
        self._noted(str(self))

    def made(self, count: int) -> None:
        """Some candidates more; they count as accepted or not once their shard is committed."""
        self.pace.add(count)
        self._noted(str(self))

    def finished(self, counts: Tally) -> None:
        """A shard was committed."""
        with self._lock:
            self._total += counts
            if self._config is not None:
                self.pace.end = self._end(self._config)
        self._noted(str(self))

    def finalising(self) -> None:
        """All shards stand: what was an estimate is known."""
        with self._lock:
            self._stage = "writing the manifest"
            self.pace.end = self._total.candidates
        self._noted(str(self))

    def __str__(self) -> str:
        if self._stage:
            return self._stage
        return f"candidates {self.pace}; {self._accepted()}"

    def _accepted(self) -> str:
        wanted = self._config.accepted if self._config else None
        if wanted:
            return f"{self._total.accepted} of {wanted} accepted"
        if self._config is None or self._config.quotas is None:
            return f"{self._total.accepted} accepted"
        cells = goals(self._config, self._total)
        full = sum(not cell.missing for cell in cells)
        return f"{self._total.accepted} accepted, {full} of {len(cells)} cells full"

    def _end(self, config: BuildConfig) -> int:
        if not goals(config, self._total):
            return config.candidates
        return min(config.candidates, round(self._total.candidates + outlook(config, self._total)))
