"""Our Prefect server dies with us, however we end."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from flows.building import server

SCRIPT = """
import sys, time
from flows.building.server import OwnServer
own = OwnServer()
own.wait_until_healthy()
print(own.pid, own.url, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="POSIX only")
def test_it_answers_and_ends_when_its_parent_is_killed(environment):
    env = environment | server.QUIET | server.LEAN
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT], env=env, stdout=subprocess.PIPE, text=True)
    pid, url = parent.stdout.readline().split()
    with urllib.request.urlopen(f"{url}/health") as answer:
        assert answer.status == 200
    child = psutil.Process(int(pid))
    assert os.getsid(child.pid) == child.pid  # Ctrl-C in a terminal does not reach it
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert psutil.wait_procs([child], timeout=5)[1] == []


def test_a_users_server_is_used(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://example.invalid/api")
    called = []
    with server.prefect_server("out", meanwhile=lambda: called.append(1)) as url:
        assert url == "http://example.invalid/api"
    assert called == [1]


def test_one_home_per_output(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert server.workspace_home("a") == server.workspace_home("a")
    assert server.workspace_home("a") != server.workspace_home("b")
    assert tmp_path in server.workspace_home("a").parents


def test_a_server_that_cannot_start_is_told_soon(monkeypatch):
    monkeypatch.setattr(server.sys, "executable", "/bin/false")
    own = server.OwnServer()
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="ended at its start"):
        own.wait_until_healthy()
    assert time.monotonic() - begun < 5
    own.stop()


def test_nothing_calls_home():
    assert server.QUIET["DO_NOT_TRACK"] == "1"
    assert server.QUIET["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert Path(server.__file__).with_name("server_process.py").is_file()
