"""Ctrl-C and SIGTERM: what they do to a command, and to a build.

Cutting a build off hard is safe at any moment: only commits count, and each is one atomic step.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from flows.commands.endings import CTRL_C, INTERRUPTED

PATIENCE_SECONDS = 3.0  # a denoising step of a large batch can take longer than anyone waits


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C raises ``KeyboardInterrupt`` in the block, or ends the process where something is imported.

    An exception amid an import is swallowed by some modules and aborts others (torch's, in C++). A process
    that was started with SIGINT ignored, as shells start those in the background, can be interrupted too.
    """
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    except SystemExit as end:
        if end.code == CTRL_C:  # what Prefect and torch do at an interpreter's exit takes seconds
            leave(CTRL_C)
        raise


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _importing(frame):
        leave(CTRL_C, INTERRUPTED)
    raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def leave(code: int, message: str = "") -> NoReturn:
    """Ends the process at once, not waiting for what an interpreter's exit brings; safe in a handler."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # e.g. one that the interrupted code is writing to
            stream.flush()
    if message:
        _say(message)
    os._exit(code)


def _say(message: str) -> None:
    with suppress(OSError):
        os.write(2, f"{message}\n".encode())  # print may be what a handler has interrupted


class Brake:
    """Handles both signals of a build in the main thread: stop soon, after some seconds at the latest, at
    once if asked twice or while nothing is being built yet.

    ``tidy`` is called before the process ends while nothing is being built.
    """

    def __init__(self, stop: threading.Event, tidy: Callable[[], None] = lambda: None) -> None:
        self._stop, self.tidy = stop, tidy
        self._building = False
        self.asked = False
        self.exit_code = CTRL_C

    @contextmanager
    def installed(self) -> Iterator["Brake"]:
        """Handles signals for the block and restores the former handlers."""
        hears, self._asks = os.pipe()
        # Started now: a handler that starts a thread can wait for what it has interrupted.
        threading.Thread(target=self._wait, args=(hears,), name="brake", daemon=True).start()
        former = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            os.close(self._asks)

    def armed(self) -> None:
        """From now on a build runs. Called inside the flow: Prefect has put a SIGTERM handler of
        its own in front of ours by then."""
        self._building = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = 128 + number
        if self.asked or not self._building:
            self.end()
        self.asked = True
        os.write(self._asks, b"!")
        self._stop.set()
        _say("\nstopping; press Ctrl-C again to end at once")

    def _wait(self, hears: int) -> None:
        with os.fdopen(hears, "rb", buffering=0) as asked:
            if asked.read(1):
                time.sleep(PATIENCE_SECONDS)
                self.end()

    def end(self) -> NoReturn:
        """Ends the process, not waiting for what Prefect and torch do at an interpreter's exit (seconds)."""
        if not self._building:
            self.tidy()
        if sys.stderr.isatty():
            _say("\033[?25h")  # the progress bar hid the cursor
        leave(self.exit_code, INTERRUPTED)
