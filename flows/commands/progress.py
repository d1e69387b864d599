"""The bar that a build shows: candidates made, accepted, rate, time left."""

import threading
from collections.abc import Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from flows.config.schema import BuildConfig
from flows.config.shards import Tally


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.2f}/s" if speed else "", style="cyan")


class BuildProgress:
    """Feeds a rich progress bar from a build's hooks, which several threads call.

    With ``accepted`` the bar's end is an estimate out of the share accepted so far.
    """

    def __init__(self, config: BuildConfig, console: Console) -> None:
        self._config = config
        self._total = Tally()
        self._lock = threading.Lock()
        self.bar = Progress(
            TextColumn("building"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._task = self.bar.add_task("building", total=self._end(), note="")

    def start(self, done: Mapping[int, Tally]) -> None:
        """Counts what an earlier run has committed."""
        with self._lock:
            self._total = sum(done.values(), Tally())
            self.bar.reset(self._task, completed=self._total.candidates, total=self._end())

    def made(self, count: int) -> None:
        """Some candidates more; they count as accepted or not once their shard is committed."""
        with self._lock:
            self.bar.advance(self._task, count)

    def finished(self, number: int, counts: Tally) -> None:
        """A shard was committed."""
        with self._lock:
            self._total += counts
            wanted = f" of {self._config.accepted}" if self._config.accepted else ""
            self.bar.update(self._task, total=self._end(), note=f"{self._total.accepted}{wanted} accepted")

    def close(self) -> None:
        """The build is complete: what was an estimate is known."""
        with self._lock:
            self.bar.update(self._task, total=self._total.candidates, completed=self._total.candidates)

    def _end(self) -> int:
        wanted = self._config.accepted
        if wanted is None:
            return self._config.candidates
        share = (self._total.accepted + 1) / (self._total.candidates + 2)
        if not self._total.candidates:
            share = 1.0
        missing = max(wanted - self._total.accepted, 0)
        return min(self._config.candidates, round(self._total.candidates + missing / share))
