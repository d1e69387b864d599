"""A build through Prefect, seen from outside: same bytes however it was interrupted or spread."""

import random
import signal
import time

import psutil
import pytest
from standins import digests


@pytest.fixture
def clean(invoke, write_config, tmp_path):
    """Digests of an uninterrupted build with one worker."""
    path = write_config("clean.yaml", output=str(tmp_path / "clean"), workers={"count": 1})
    code, out, err = invoke("build", path)
    assert code == 0, err
    assert "12 candidates = " in out
    return digests(tmp_path / "clean")


def commits(folder):
    return len(list((folder / "commits").glob("*.json")))


def wait_for(condition, seconds=240.0):  # a busy machine takes its time to start a server
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_other_workers_and_resume_after_kill_give_the_same_bytes(
    start, invoke, write_config, tmp_path, clean
):
    path, out = write_config(), tmp_path / "out"
    chance = random.Random(3)
    for _ in range(3):
        process = start("build", path, STANDIN_DELAY=0.25)
        before = commits(out)
        wait_for((out / "build.json").exists)
        time.sleep(chance.uniform(0.0, 1.5))
        process.kill()
        process.wait()
        assert commits(out) >= before
    code, _, err = invoke("build", path)
    assert code == 0, err
    assert digests(out) == clean
    code, text, _ = invoke("status", out)
    assert code == 0
    assert "state: complete" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_soon_and_leaves_nothing_behind(
    start, invoke, write_config, tmp_path, clean, number, code
):
    path, out = write_config(), tmp_path / "out"
    process = start("build", path, own_server=True, STANDIN_DELAY=0.5)
    wait_for(lambda: commits(out) >= 1)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children, "expected a server of our own"
    begun = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode == code
    assert psutil.wait_procs(children, timeout=2)[1] == []
    error = process.stderr.read()
    assert "Traceback" not in error
    assert "the same command goes on from there" in error
    assert invoke("build", path)[0] == 0
    assert digests(out) == clean


def test_ctrl_c_before_the_build_has_begun(start, write_config):
    process = start("build", write_config(), own_server=True)
    while not psutil.Process(process.pid).children():  # the server starts before anything is built
        time.sleep(0.05)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert "Traceback" not in process.stderr.read()


def test_failed_candidates_are_tried_again_by_the_same_command(invoke, write_config, tmp_path, clean):
    path, out = write_config(), tmp_path / "out"
    code, text, err = invoke("build", path, broken="000000005")
    assert code == 1
    assert "1 failed" in text
    assert "1 candidates failed" in err
    assert "1 candidates failed" in invoke("status", out)[1]
    assert invoke("build", path)[0] == 0
    assert digests(out) == clean


def test_a_build_that_cannot_reach_what_it_wants_says_why(invoke, write_config):
    code, _, err = invoke("build", write_config(accepted=12))
    assert code == 2
    assert "12 wanted" in err
    assert "all 12 candidates" in err
    assert "raise candidates" in err
    assert len(err.strip().splitlines()[-1]) > 40


def test_enough_accepted_ends_the_build(invoke, write_config, tmp_path):
    code, _, err = invoke("build", write_config(accepted=2))
    assert code == 0, err
    assert commits(tmp_path / "out") < 3
