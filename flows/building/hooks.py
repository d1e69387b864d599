"""How a caller in the same process watches and stops a build; a deployment runs without."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from flows.building.course import Course

_logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """How a build ended, whatever Prefect makes of it: with its totals or an error."""

    summary: dict[str, Any] | None = None
    error: BaseException | None = None


@dataclass(frozen=True)
class Hooks:
    """``course`` knows how far the build is, ``outcome`` how it ended. Setting ``stop`` ends it soon;
    ``begun`` is called once shards are being built, ``tell`` with a line that the user should know."""

    stop: threading.Event = field(default_factory=threading.Event)
    course: Course = field(default_factory=Course)
    outcome: Outcome = field(default_factory=Outcome)
    begun: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = _logger.warning


# Prefect copies the context into the threads of its task runners.
_current: ContextVar[Hooks | None] = ContextVar("hooks", default=None)


def current_hooks() -> Hooks:
    """The hooks of the caller, or silent ones."""
    return _current.get() or Hooks()


@contextmanager
def hooked(hooks: Hooks) -> Iterator[Hooks]:
    """Makes ``hooks`` the current ones for the block."""
    token = _current.set(hooks)
    try:
        yield hooks
    finally:
        _current.reset(token)
