"""Prefect's history of a build: kept while its server answers, given up when it is gone.

Left alone, Prefect tries for 7 s to send each event of each shard to a server that is gone, and for a
minute to tell it how a run ended; then it fails the run. Commits are the record: a build goes on without.
"""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prefect._internal.concurrency import logger as services
from prefect.context import FlowRunContext
from prefect.events import clients
from prefect.events.clients import NullEventsClient, PrefectEventsClient
from prefect.events.schemas.events import Event
from prefect.events.worker import EventsWorker, emit_events_to_cloud

GONE = "Prefect's server does not answer: the build goes on without it, its history ends here"

QUICK_TRIES = 2  # those that Prefect makes without a pause


class _Loss(logging.Filter):
    """Hears from Prefect's log that events cannot be sent: nothing else tells of it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self.is_known = False
        self.told: Callable[[str], object] = lambda line: None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record shall be seen: what tells of the loss is told by us, in a line."""
        if record.name == services.name and EventsWorker.__name__ not in str(record.args):
            return True
        self.give_up()
        return False

    def give_up(self) -> None:
        """Sends no more events, drops those that wait, and says so once."""
        with self._lock:
            if self.is_known:
                return
            self.is_known = True
        EventsWorker.set_client_override(NullEventsClient)
        workers: Any = EventsWorker
        for worker in list(workers._instances.values()):
            _drop(worker._queue)
        self.told(GONE)


def _drop(waiting: "queue.Queue[Event | None]") -> None:
    with suppress(queue.Empty):
        while waiting.get_nowait() is not None:
            pass
        waiting.put_nowait(None)  # the request to stop, which is no event


_loss = _Loss()


def keep_history(told: Callable[[str], object]) -> None:
    """From now on a lost server costs no time; ``told`` gets the one line that says so."""
    _loss.told, _loss.is_known = told, False
    for logger in (services, logging.getLogger(clients.__name__)):
        logger.addFilter(_loss)
    if emit_events_to_cloud():  # which has a client of its own
        EventsWorker.set_client_override(None)
    else:
        EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=QUICK_TRIES)


def is_kept() -> bool:
    """Whether the server of the current flow run answers; from now on nothing waits for it to come back."""
    context = FlowRunContext.get()
    assert context is not None, "called within a flow"
    client: Any = context.client
    client._client._has_connected = False  # or Prefect tries for a minute
    if not _loss.is_known and client.api_healthcheck() is not None:
        _loss.give_up()
    return not _loss.is_known
