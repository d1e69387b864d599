"""A Prefect server for the length of one build, unless the user has one.

Left alone, Prefect starts a server in the caller's process group: Ctrl-C kills it while the client
still retries (hangs for minutes), and SIGKILL leaves it behind. Here it is a child in a session of
its own that dies with us. Call :func:`prefect_server` before anything imports Prefect.
"""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 300.0  # a new home migrates its database first; a busy machine takes its time
DRAIN_SECONDS = 2.0  # for the last events; usually some milliseconds

#: No calls home, no chatter, and none of the services that only deployments need.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_CLI_PROMPT": "false",
}
LEAN = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}


def workspace_home(output: str) -> Path:
    """Prefect's home of one output: first runs at once in one new home race in its migrations."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(output.encode()).hexdigest()[:16]
    home = cache / "synthorax" / "prefect" / name
    try:
        home.mkdir(parents=True, exist_ok=True)
        return home
    except OSError:  # no home folder, or not ours to write
        return Path(tempfile.mkdtemp(prefix="synthorax-prefect-"))


@contextmanager
def prefect_server(output: str, meanwhile: Callable[[], object] = lambda: None) -> Iterator[str]:
    """Sets ``PREFECT_API_URL`` for the block and yields it; the server is ours or the user's.

    ``meanwhile`` is called while the server starts (some seconds). Raises ``RuntimeError`` when
    the server does not come up.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if url := os.environ.get("PREFECT_API_URL"):
        meanwhile()
        yield url
        return
    os.environ.setdefault("PREFECT_HOME", str(workspace_home(output)))
    os.environ.update(LEAN)
    server = OwnServer()
    os.environ["PREFECT_API_URL"] = server.url
    try:
        meanwhile()
        server.wait_until_healthy()
        with _known_to_prefect(server.url):
            yield server.url
    finally:
        del os.environ["PREFECT_API_URL"]
        server.stop()


@contextmanager
def _known_to_prefect(url: str) -> Iterator[None]:
    """Prefect reads its environment once in a process: an earlier build's server may stand there.

    After the block its clients are done with the server: they send their last events in the background.
    """
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield
    finally:
        EventsWorker.drain_all(timeout=DRAIN_SECONDS)


class OwnServer:
    """The child process and its socket, bound here so that no one else can take the port."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.building.server_process", str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop it afterwards
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def wait_until_healthy(self) -> None:
        """Returns once the API answers. Raises ``RuntimeError`` when it ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the Prefect server ended at its start: {self._last_words()}")
            with (
                suppress(urllib.error.URLError, OSError),
                _no_proxy().open(f"{self.url}/health", timeout=5) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the Prefect server did not answer within {START_SECONDS:.0f} s")

    def stop(self) -> None:
        """Ends the child: closing its stdin does; killing is for one that is too busy to notice."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.returncode}"


def _no_proxy() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
