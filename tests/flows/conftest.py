"""A quick command line for tests of scheduling, and one Prefect server for all of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STANDINS = Path(__file__).with_name("standins.py")

SMALL = {
    "seed": 7,
    "candidates": 12,
    "shard_size": 4,
    "images": {"size": 64, "steps": 2, "batch_size": 3},
    "workers": {"count": 2, "retries": 0},
}


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """What child processes get: a home of their own, and nothing of the developer's Prefect."""
    home = tmp_path_factory.mktemp("home")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    env |= {"XDG_CACHE_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    return env | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"}


@pytest.fixture(scope="session")
def server(environment):
    """URL of a Prefect server that stands for the whole session: its start takes seconds."""
    from flows.server import LEAN, QUIET, OwnServer

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (environment | QUIET | LEAN).items():
            patch.setenv(name, value)
        patch.delenv("PREFECT_API_URL", raising=False)
        own = OwnServer()
    own.wait_until_healthy()
    yield own.url
    own.stop()


@pytest.fixture
def write_config(tmp_path):
    """Writes a config file; the output is a folder beside it unless given."""

    def write(name="config.yaml", **changes):
        path = tmp_path / name
        path.write_text(yaml.safe_dump({"output": str(tmp_path / "out"), **SMALL, **changes}))
        return path

    return write


@pytest.fixture
def start(environment, server):
    """Starts the stand-in command line as a process; ``own_server`` lets it start one itself."""
    running = []

    def launch(*arguments, own_server=False, real=False, **variables):
        env = environment | {k: str(v) for k, v in variables.items()}
        if not own_server:
            env["PREFECT_API_URL"] = server
        script = ["-m", "flows.cli"] if real else [str(STANDINS)]
        process = subprocess.Popen(
            [sys.executable, *script, *map(str, arguments)],
            env=env,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    yield launch
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """Runs it to its end: (exit code, stdout, stderr)."""

    def finish(*arguments, **options):
        process = start(*arguments, **options)
        out, err = process.communicate(timeout=200)
        return process.returncode, out, err

    return finish
