"""Ctrl-C while something is imported or loaded: the process ends at once, whatever it is doing."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

AMID_AN_IMPORT = """
import sys
from flows.commands.signals import interruptible
with interruptible():
    try:
        import deaf
    except BaseException:
        pass
    print("went on")
"""


@pytest.mark.parametrize("ignored", [False, True])
def test_an_import_cannot_swallow_it(environment, tmp_path, ignored):
    (tmp_path / "deaf.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.1)\n"
    )
    env = environment | {"PYTHONPATH": f"{environment.get('PYTHONPATH', '')}:{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-c", AMID_AN_IMPORT],
        env=env,
        text=True,
        capture_output=True,
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None,
    )
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr == "interrupted: what is committed stays, the same command goes on from there\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_models_load_a_build_ends_at_once_and_leaves_nothing(start, write_config, tmp_path, number):
    out = tmp_path / "out"
    process = start("build", write_config(), real=True, own_server=True)
    end = time.monotonic() + 60
    while not (out.exists() and psutil.Process(process.pid).children()):
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(1.0)  # torch is being imported
    begun = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode == 128 + number
    assert not out.exists()
    told = process.stderr.read().splitlines()
    assert told[-1].startswith("interrupted: ")
    assert all(line.startswith("building: ") for line in told[:-1]), told
