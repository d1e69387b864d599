"""The declared deployment against a real server and a real worker, all on loopback."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from manifests.store import Store
from manifests.verify import verify

ROOT = Path(__file__).parents[2]
CONFIG = {
    "seed": 7,
    "candidates": 4,
    "shard_size": 2,
    "images": {"steps": 2, "batch_size": 2},
    "filters": {"lesion_agreement": {"enabled": False}},
    "workers": {"count": 1},
}


def test_its_schedule_is_off_and_it_never_runs_twice_at_once():
    (deployment,) = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert deployment["entrypoint"] == "flows/build.py:build_dataset"
    assert all(schedule["active"] is False for schedule in deployment["schedules"])
    assert deployment["schedules"][0]["cron"]
    assert deployment["concurrency_limit"] == {
        "limit": 1,
        "collision_strategy": "CANCEL_NEW",
        "grace_period_seconds": 60,
    }
    assert (ROOT / deployment["parameters"]["config"]).is_file()


def commands() -> list[list[str]]:
    """The lines of each block of the page, in order."""
    blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / "docs/scheduling.md").read_text(), re.M | re.S)
    return [block.splitlines() for block in blocks]


@pytest.fixture
def workspace(tmp_path):
    """The repository as deploying sees it, with a tiny config."""
    folder = tmp_path / "workspace"
    (folder / "flows" / "presets").mkdir(parents=True)
    shutil.copy(ROOT / "prefect.yaml", folder)
    for path in (ROOT / "flows").iterdir():
        if path.name != "presets":
            (folder / "flows" / path.name).symlink_to(path)
    (folder / "flows" / "presets" / "demo.yaml").write_text(yaml.safe_dump({**CONFIG, "output": "out/tiny"}))
    return folder


@pytest.fixture
def shell(tmp_path, environment, workspace):
    """Starts lines of the page in one shell, from an empty home; the port alone is another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    env = {k: v for k, v in environment.items() if k not in ("PREFECT_HOME", "XDG_CACHE_HOME")}
    env |= {"HOME": str(tmp_path / "home"), "PREFECT_SERVER_API_PORT": port, "DO_NOT_TRACK": "1"}
    env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "PYTHONPATH": str(ROOT)}
    env |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()

    def start(lines, folder=workspace):
        script = "\n".join(["set -e", *lines]).replace("4200", port)
        return subprocess.Popen(
            ["bash", "-c", script],
            env=env,
            cwd=folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return start, f"http://127.0.0.1:{port}/api/health"


def end(process):
    """Ends a shell and what it runs, as closing its terminal does; what it has said."""
    os.killpg(process.pid, signal.SIGTERM)
    return process.communicate(timeout=60)[0]


@pytest.mark.slow
def test_the_page_s_commands_run_as_written_from_an_empty_home(shell, workspace, tmp_path):
    (serve,), (export, *begin, work), run_now = commands()
    start, health = shell
    server, worker = start([serve]), None
    try:
        wait_until_answered(health, server)
        begun = start([export, *begin])
        assert begun.wait(timeout=300) == 0, begun.stdout.read()
        worker = start([export, work], tmp_path / "elsewhere")  # its runs work where deploy was called
        ran = start(run_now)
        said = ran.communicate(timeout=300)[0]
        assert ran.returncode == 0, said
        assert "0 2 * * *" in said
    finally:
        told = [end(process) for process in (worker, server) if process]
    assert not [text for text in told if "Traceback" in text]
    out = workspace / "out" / "tiny"
    assert [p for p in verify(Store(out), range(2)) if not p.note] == []
    assert (out / "index.json").is_file()


def wait_until_answered(url, process):
    """Until the server answers, as whoever reads its first lines waits."""
    end = time.monotonic() + 200
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert time.monotonic() < end
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.5)
