"""Lines for the user while work goes on."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from flows.config.pace import Pace
from synth.terminal import printable

#: Seconds between two lines of a log that say how far the work is.
RHYTHM = 30.0

T = TypeVar("T")


def tell(console: Console, line: str) -> None:
    """One line, as it is: no markup, not wrapped; of text from data nothing that a terminal obeys."""
    text = line.encode("utf-8", "backslashreplace").decode()
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def in_rhythm(console: Console, line: Callable[[], str]) -> Iterator[None]:
    """Tells ``line`` every half minute for the block, where no terminal could show a bar."""
    if console.is_terminal:
        yield
        return
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(RHYTHM):
            tell(console, line())

    teller = threading.Thread(target=go_on, name="rhythm", daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def tracked(items: Iterable[T], what: str, count: int, console: Console) -> Iterator[T]:
    """Each of ``count`` items; how far they are is a bar in a terminal, lines in a log."""
    if console.is_terminal:
        yield from track(items, what, total=count, console=console)
        return
    pace = Pace(count)
    with in_rhythm(console, lambda: f"{what}: {pace}"):
        for item in items:
            yield item
            pace.add()
