"""Ctrl-C and SIGTERM during a build: stop soon, at the latest after some seconds, at once if asked
twice. Cutting off hard is safe at any moment: only commits count, and each is one atomic step."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from flows.commands.endings import INTERRUPTED

PATIENCE_SECONDS = 3.0  # a denoising step of a large batch can take longer than anyone waits


class Brake:
    """Handles both signals in the main thread.

    Until :meth:`armed` the first raises ``KeyboardInterrupt`` (nothing is being built yet), later
    it sets ``stop``; the second ends the process.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._building = False
        self.asked = False
        self.exit_code = 130

    @contextmanager
    def installed(self) -> Iterator["Brake"]:
        """Handles signals for the block and restores the former handlers."""
        former = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def armed(self) -> None:
        """From now on a build runs. Called inside the flow: Prefect has put a SIGTERM handler of
        its own in front of ours by then."""
        self._building = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = 128 + number
        if self.asked:
            self.end()
        self.asked = True
        self._stop.set()
        print("\nstopping; press Ctrl-C again to end at once", file=sys.stderr, flush=True)
        timer = threading.Timer(PATIENCE_SECONDS, self.end)
        timer.daemon = True
        timer.start()
        if not self._building:
            raise KeyboardInterrupt

    def end(self) -> NoReturn:
        """Ends the process, not waiting for what Prefect and torch do at an interpreter's exit (seconds)."""
        if sys.stderr.isatty():
            sys.stderr.write("\033[?25h")  # the progress bar hid the cursor
        print(INTERRUPTED, file=sys.stderr, flush=True)
        os._exit(self.exit_code)
