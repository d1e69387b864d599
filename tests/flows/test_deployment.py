"""The declared deployment against a real server and a real worker, all on loopback."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

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
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert (ROOT / deployment["parameters"]["config"]).is_file()


@pytest.mark.slow
def test_a_tiny_build_goes_through_it(tmp_path, environment):
    from flows.building.server import QUIET, OwnServer

    # A workspace beside the repository: deploying writes into the folder that it is run from.
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    shutil.copy(ROOT / "prefect.yaml", workspace)
    (workspace / "flows").symlink_to(ROOT / "flows")
    out = tmp_path / "out"
    config = workspace / "tiny.yaml"
    config.write_text(yaml.safe_dump({**CONFIG, "output": str(out)}))
    env = (
        environment | QUIET | {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        patch.delenv("PREFECT_API_URL", raising=False)
        server = OwnServer()
    env["PREFECT_API_URL"] = server.url

    def prefect(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            env=env,
            cwd=workspace,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    worker = None
    try:
        server.wait_until_healthy()
        prefect("work-pool", "create", "--type", "process", "synthorax")
        prefect("--no-prompt", "deploy", "--all")
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "synthorax"],
            env=env,
            cwd=workspace,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        prefect("deployment", "run", "build-dataset/dataset", "--param", f"config={config}", "--watch")
    finally:
        if worker:
            os.killpg(worker.pid, signal.SIGTERM)
            try:
                worker.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(worker.pid, signal.SIGKILL)
        server.stop()
    from manifests.store import Store
    from manifests.verify import verify

    end = time.monotonic() + 10
    while not (out / "index.json").exists() and time.monotonic() < end:
        time.sleep(0.2)
    assert [p for p in verify(Store(out), range(2)) if not p.note] == []
    assert (out / "index.json").is_file()
