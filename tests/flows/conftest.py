"""A quick command line for tests of scheduling, and one Prefect server for all of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

settings.register_profile("steady", deadline=None)  # time says nothing on a busy machine
settings.load_profile("steady")

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
    from flows.building.server import LEAN, QUIET, OwnServer

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


@pytest.fixture(scope="session")
def in_process(server, environment):
    """This process's Prefect talks to the session's server; nothing may import Prefect before."""
    from flows.building.server import QUIET

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (environment | QUIET).items():
            patch.setenv(name, value)
        patch.setenv("PREFECT_API_URL", server)
        patch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")
        import prefect  # noqa: F401

        yield


@pytest.fixture
def invoke(in_process, monkeypatch):
    """Runs the command line in this process, with stand-ins unless ``real``: (exit code, stdout, stderr)."""
    from standins import load_pipeline
    from typer.testing import CliRunner

    from flows import loading
    from flows.cli import app

    real_loader = loading.load_pipeline

    def call(*arguments, real=False, **standin):
        loading._pipelines.clear()
        loader = real_loader if real else lambda config: load_pipeline(config, **standin)
        monkeypatch.setattr(loading, "load_pipeline", loader)
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        loading._pipelines.clear()
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture
def start(environment, server):
    """Starts the command line as a process, with the stand-ins unless ``real``; ``own_server``
    lets it start one itself."""
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
def models_read(monkeypatch):
    """`synthorax edit` gets the shipped models as they were read once; how they were asked for is listed."""
    from editing import shipped

    from flows import loading as edit

    asked, load = [], edit.load_retoucher

    def cached(checkpoint, size, device):
        asked.append((checkpoint, size, device))
        return shipped() if (checkpoint, size) == (None, None) else load(checkpoint, size, device)

    shipped()
    monkeypatch.setattr(edit, "load_retoucher", cached)
    return asked


@pytest.fixture
def three_films(tmp_path):
    """Drawn films in three formats, sizes and depths: PNG of 16 bits, JPEG of 8, and DICOM of 12."""
    from drawn_films import write_dicom
    from editing import film, save

    folder = tmp_path / "films"
    tags = {"PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "AP", "StudyInstanceUID": "1.2.3"}
    return [
        save(folder / "a.png", film(0)[0].astype("uint16") * 257),
        save(folder / "b.jpg", film(1, 320)[0][:300]),
        write_dicom(folder / "1.2.840", film(2, 280)[0], **tags),
    ]
