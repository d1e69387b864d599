"""A Prefect server that goes away, or never was there: the build is what counts."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
from told import is_one_line

ROOT = Path(__file__).parents[3]


def test_a_build_whose_server_is_killed_goes_on_at_full_speed_and_says_so_once(start, write_config, tmp_path):
    out = tmp_path / "out"
    process = start("build", write_config(candidates=40), own_server=True, STANDIN_DELAY=0.1)
    end = time.monotonic() + 200
    while not list((out / "commits").glob("*.json")):
        assert time.monotonic() < end
        time.sleep(0.02)
    for child in psutil.Process(process.pid).children():
        child.kill()
    begun = time.monotonic()
    said, told = process.communicate(timeout=100)
    assert process.returncode == 0, told
    assert time.monotonic() - begun < 40  # each of 30 events took 7 s, the end a minute
    assert "40 candidates = " in said
    lines = [line for line in told.splitlines() if not line.startswith("building: ")]
    assert lines == [
        "synthorax: Prefect's server does not answer: the build goes on without it, its history ends here"
    ]


def test_a_server_that_does_not_answer_at_the_start_is_told(start, write_config, tmp_path):
    process = start("build", write_config(), own_server=True, PREFECT_API_URL="http://127.0.0.1:9/api")
    _, told = process.communicate(timeout=200)
    assert process.returncode == 2, told
    assert is_one_line(
        told, "PREFECT_API_URL: http://127.0.0.1:9/api, expected a Prefect server that answers"
    )
    assert not (tmp_path / "out").exists()


TWICE = """
import sys, standins, synthorax
from flows import loading
loading.load_pipeline = standins.load_pipeline
for name in ("one", "two"):
    config = {"seed": 1, "candidates": 4, "shard_size": 4, "output": f"{sys.argv[1]}/{name}",
              "images": {"size": 64, "steps": 2, "batch_size": 4}}
    print(synthorax.build(config)["candidates"])
"""


def test_two_builds_in_one_process_each_have_their_server(environment, tmp_path):
    env = environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'flows'}"}
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(tmp_path)], env=env, text=True, capture_output=True, timeout=250
    )
    assert done.stdout == "4\n4\n", done.stderr[-2000:]
    assert done.stderr == ""
