"""How a caller in the same process watches and stops a build; a deployment runs without."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from flows.config.shards import Tally


@dataclass(frozen=True)
class Hooks:
    """``start`` gets the shards done before, ``made`` counts candidates as they are made (not yet
    committed), ``finished`` gets each committed shard. Setting ``stop`` ends the build soon."""

    stop: threading.Event = field(default_factory=threading.Event)
    start: Callable[[Mapping[int, Tally]], None] = lambda done: None
    made: Callable[[int], None] = lambda count: None
    finished: Callable[[int, Tally], None] = lambda number, counts: None


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
