"""What is told of a build that runs: lines in a log, and `synthorax status`; what is refused early."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from told import is_one_line

from flows.config import terminal

ROOT = Path(__file__).parents[3]
LINE = re.compile(r"building: candidates \d+ of \d+, [\d.]+/(s|min), about .* left; \d+ accepted")


def test_a_log_gets_lines_with_rate_and_time_left(invoke, write_config, monkeypatch):
    assert terminal.RHYTHM <= 60
    monkeypatch.setattr(terminal, "RHYTHM", 0.1)
    code, _, err = invoke("build", write_config(), delay=0.2)
    assert code == 0, err
    lines = [line for line in err.splitlines() if line.startswith("building: ")]
    assert lines[0] == "building: loading models"
    assert any(LINE.fullmatch(line) for line in lines), err
    assert "\r" not in err


def test_lines_of_other_work_stop_with_it(capsys, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(terminal, "RHYTHM", 0.05)
    items = terminal.tracked(range(4), "preparing", 4, Console(stderr=True))
    assert [time.sleep(0.1) or item for item in items] == [0, 1, 2, 3]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "preparing: 0 of 4"
    assert re.fullmatch(r"preparing: 3 of 4, [\d.]+/s, about \d+ s left", said[-1]), said
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_status_of_a_build_that_runs_says_who_and_how_far(start, invoke, write_config, tmp_path):
    out = tmp_path / "out"
    process = start("build", write_config(candidates=40), STANDIN_DELAY=0.5)
    told, end = [], time.monotonic() + 120
    while time.monotonic() < end and not (told and "left" in told[-1]):
        code, text, err = invoke("status", out)
        if out.exists():
            assert code == 0, err
            told.append(text.splitlines()[-1])
            assert f"state: process {process.pid} is at work: " in told[-1]
        time.sleep(0.05)
    assert told[0].endswith("loading models")
    assert re.search(r"candidates \d+ of 40, .*, about .* left; \d+ accepted", told[-1]), told[-1]
    process.kill()
    process.wait()
    assert "run the build again" in invoke("status", out)[1]


REFUSED = """
import sys
from typer.testing import CliRunner
from flows.cli import app
result = CliRunner().invoke(app, sys.argv[1:])
print(result.exit_code, [m for m in ("torch", "prefect", "diffusers") if m in sys.modules], result.stderr)
"""


def test_another_seed_is_refused_before_models_and_prefect_are_loaded(
    invoke, write_config, tmp_path, environment
):
    path = write_config()
    assert invoke("build", path)[0] == 0
    command = [sys.executable, "-c", REFUSED, "build", str(path), "--set", "seed=8"]
    done = subprocess.run(command, env=environment, cwd=ROOT, text=True, capture_output=True)
    assert done.stdout.startswith("2 [] synthorax: output: "), done.stdout + done.stderr
    assert "config.seed was 7, is 8" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1


@pytest.mark.parametrize("made", ["nothing", "a folder"])
def test_a_build_that_cannot_begin_leaves_nothing(invoke, write_config, tmp_path, made):
    out = tmp_path / "deep" / "out"
    if made == "a folder":
        out.mkdir(parents=True)
    path = write_config(output=str(out), anatomy={"weights": str(tmp_path / "nowhere")})
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "nowhere", "not found")
    assert list(out.iterdir()) == [] if made == "a folder" else not out.parent.exists()
