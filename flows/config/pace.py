"""How fast work goes, and when it will be done."""

import threading
import time
from collections import deque
from collections.abc import Callable

#: Seconds that a rate looks back: long enough for a few steps of a slow machine.
WINDOW = 300.0


class Pace:
    """Counts what is done of ``end``; several threads may tell it.

    The rate is that of the last minutes, from one step's end to another's; None before the first.
    """

    def __init__(self, end: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.start(0, end)

    def start(self, done: int, end: int) -> None:
        """From now on time counts; so many are ``done`` already."""
        with self._lock:
            self._end = end
            self._steps = deque([(self._clock(), done)])

    def add(self, count: int = 1) -> None:
        """So many more are done."""
        with self._lock:
            now = self._clock()
            self._steps.append((now, self._steps[-1][1] + count))
            while len(self._steps) > 2 and self._steps[1][0] <= now - WINDOW:
                self._steps.popleft()

    @property
    def done(self) -> int:
        """How many are done."""
        return self._steps[-1][1]

    @property
    def end(self) -> int:
        """How many are wanted; what was an estimate may turn out too low."""
        return max(self._end, self.done)

    @end.setter
    def end(self, end: int) -> None:
        self._end = end

    @property
    def rate(self) -> float | None:
        """How many a second."""
        with self._lock:
            (begun, first), (last, done) = self._steps[0], self._steps[-1]
        return (done - first) / (last - begun) if done > first and last > begun else None

    @property
    def left(self) -> float | None:
        """Seconds until all are done."""
        if not (rate := self.rate):
            return None
        return max((self.end - self.done) / rate - (self._clock() - self._steps[-1][0]), 0.0)

    def __str__(self) -> str:
        rate, left = self.rate, self.left
        if rate is None or left is None:
            return f"{self.done} of {self.end}"
        speed = f"{rate:.2f}/s" if rate >= 0.1 else f"{rate * 60:.2f}/min"
        return f"{self.done} of {self.end}, {speed}, about {duration(left)} left"


def duration(seconds: float) -> str:
    """E.g. ``1 h 05 min``, ``4 min 10 s`` or ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
