"""The command line: quick, and every mistake is one line with the right exit code."""

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from standins import digests
from told import is_one_line
from typer.testing import CliRunner

from flows.cli import app
from synth.software import software

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from manifests.store import Store
with Store(sys.argv[1]).lock():
    print(1, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def built(invoke, write_config, tmp_path):
    """A finished small dataset and its config file."""
    path = write_config()
    code, _, err = invoke("build", path)
    assert code == 0, err
    return path, tmp_path / "out"


def test_help_is_there_in_under_a_second(environment):
    times = []
    for _ in range(3):  # the machine may be busy with something else
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", "--help"], env=environment, capture_output=True
        )
        times.append(time.monotonic() - begun)
    assert done.returncode == 0
    for name in ("plan", "build", "status", "verify", "audit", "show", "train", "prepare", "edit", "convert"):
        assert name.encode() in done.stdout
    assert min(times) < 1


def test_version_and_commit_are_told():
    told = CliRunner().invoke(app, ["--version"])
    assert told.exit_code == 0
    assert told.stdout.startswith(f"synthorax {version('synthorax')}")
    assert software()["commit"] in told.stdout


def test_help_imports_nothing_heavy(environment):
    code = (
        "import sys, flows.cli; print([m for m in ('torch','prefect','numpy','pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("imagse.steps=3", "did you mean images?"),
        ("candidates=-5", "candidates: -5, expected an integer >= 1"),
        ("images.steps=many", "images.steps: many, expected an integer"),
        ("accepted=99", "accepted: 99, expected at most candidates (12)"),
    ],
)
def test_a_mistake_in_the_config(invoke, write_config, tmp_path, override, told):
    code, out, err = invoke("build", write_config(), "--set", override)
    assert (code, out) == (2, "")
    assert is_one_line(err, told)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("has", [True, False])
def test_bf16_where_it_is_only_emulated_is_told_and_built(invoke, write_config, monkeypatch, has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has})
    code, _, err = invoke("build", write_config(), "--set", "images.precision=bf16")
    assert code == 0
    assert ("images.precision: bf16, which this CPU only emulates, expected fp32" in err) != has


def test_a_config_that_is_not_there(invoke, tmp_path):
    code, _, err = invoke("build", tmp_path / "none.yaml")
    assert code == 2
    assert is_one_line(err, "no such config file")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=8", "config.seed was 7, is 8"),
        ("images.steps=3", "config.images.steps was 2, is 3"),
        ("workers.threads=2", "config.workers.threads was 1, is 2"),
    ],
)
def test_a_changed_config_is_not_mixed_in(invoke, built, override, told):
    path, out = built
    before = digests(out)
    code, _, err = invoke("build", path, "--set", override)
    assert code == 2
    assert is_one_line(err, told)
    assert digests(out) == before


@pytest.mark.parametrize("override", ["workers.count=1", "workers.retries=5"])
def test_what_changes_no_result_may_change(invoke, built, override):
    path, out = built
    before = digests(out)
    assert invoke("build", path, "--set", override)[0] == 0
    assert digests(out) == before


def test_a_second_build_in_the_same_folder(invoke, write_config, tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "out")], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline().strip() == b"1"
        code, _, err = invoke("build", write_config())
        assert code == 2
        assert is_one_line(err, f"is being built by process {holder.pid}")
    finally:
        holder.kill()
        holder.communicate()
    assert invoke("build", write_config())[0] == 0


def test_an_output_that_cannot_be_written(invoke, write_config, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = invoke("build", write_config(output=str(tmp_path / "file" / "out")))
    assert code == 2
    assert is_one_line(err, "Not a directory")


def test_a_disk_that_fills_up_loses_nothing(invoke, write_config, tmp_path, monkeypatch):
    path, out, real, left = write_config(workers={"count": 1}), tmp_path / "out", os.fsync, [24]

    def fsync(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    code, _, err = invoke("build", path)
    assert code == 2
    assert is_one_line(err, "No space left on device")
    committed = {k: v for k, v in digests(out).items() if "commits/" in k}
    assert 0 < len(committed) < 3
    monkeypatch.setattr(os, "fsync", real)
    assert invoke("build", path)[0] == 0
    assert digests(out).items() >= committed.items()
    assert invoke("verify", out)[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_really_full_disk(invoke, write_config, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        code, _, err = invoke("build", write_config(output=str(disk / "out")))
        assert code == 2
        assert is_one_line(err, "No space left on device")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_truncated_tar(invoke, built):
    _, out = built
    tar = sorted((out / "shards").glob("*.tar"))[0]
    tar.write_bytes(tar.read_bytes()[:-700])
    code, text, err = invoke("verify", out)
    assert code == 2
    assert is_one_line(text, f"shards/{tar.name}: is cut off")
    assert is_one_line(err, "1 problems")


def test_commands_on_a_folder_that_is_no_dataset(invoke, tmp_path):
    for command in ("status", "verify", "audit", "show"):
        code, _, err = invoke(command, tmp_path)
        assert code == 2, command
        assert is_one_line(err, "synthorax: ")


def test_a_finished_dataset_can_be_looked_at(invoke, built, tmp_path):
    _, out = built
    assert "state: complete" in invoke("status", out)[1]
    assert "whole, 3 shards, 12 candidates" in invoke("verify", out)[1]
    code, text, _ = invoke("audit", out)
    assert code == 0
    assert "12 candidates = " in text
    assert "lesion_agreement" in text
    code, text, _ = invoke("audit", out, "--set", "filters.lesion_agreement.threshold=-1")
    assert code == 0
    assert "12 accepted, 0 rejected" in text
    sheet = tmp_path / "sheets" / "sheet.png"
    assert invoke("show", out, "--out", sheet, "--accepted", 2, "--rejected", 1)[0] == 0
    assert sheet.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("filters.lesion_agreement.threshold=high", "expected a number"),
        ("filters.lesion_agreement=1", "expected filters.NAME.threshold=VALUE"),
        ("filters.lesion.threshold=1", "filters.lesion: unknown"),
    ],
)
def test_a_replay_that_cannot_be(invoke, built, override, told):
    code, _, err = invoke("audit", built[1], "--set", override)
    assert code == 2
    assert is_one_line(err, told)


def test_a_plan_is_measured_and_writes_nothing(invoke, write_config, tmp_path):
    code, text, err = invoke("plan", write_config(accepted=4), delay=0.01)
    assert code == 0, err
    for part in ("config hash", "4 accepted", "candidates", "time", "size", "MB"):
        assert part in text
    assert not (tmp_path / "out").exists()


def test_a_plan_says_how_often_candidates_may_be_drawn(invoke, write_config):
    config = write_config(images={"size": 64, "steps": 2, "batch_size": 3, "retry_draws": 2})
    code, text, err = invoke("plan", config)
    assert code == 0, err
    assert re.search(r"draws +up to 3 a candidate, [123]\.\d\d on average of those measured", text)
    assert "on average" not in invoke("plan", write_config())[1]


def test_an_index_is_made_again_when_it_was_lost(invoke, built):
    path, out = built
    before = digests(out)
    (out / "index.json").unlink()
    assert "the index is missing" in invoke("status", out)[1]
    assert invoke("build", path)[0] == 0
    assert digests(out) == before
