"""A build with the shipped models, killed, signalled, robbed of its server: the same bytes in the end."""

import random
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from standins import digests

#: What is interrupted is a whole build of a minute or less, in shards that are made in seconds.
SMALL = {"candidates": 8, "shard_size": 2, "images": {"batch_size": 2}, "workers": {"count": 1}}
KILLS, SIGNALS = 30, 20
#: Interruptions of one folder before its build is left to end.
IN_A_ROW = 5
#: Seconds within which a signalled build has ended, models being loaded or not.
PATIENCE = 60


def servers(process):
    """Prefect's servers among what a build has started."""
    try:
        return [c for c in process.children(recursive=True) if "server" in " ".join(c.cmdline())]
    except psutil.Error:
        return []


def left_behind():
    """Scratch folders in ``$TMPDIR``."""
    return {p.name for p in Path(tempfile.gettempdir()).glob("synthorax-*")}


@pytest.mark.slow
def test_fifty_interruptions_change_no_byte_and_leave_nothing(start, invoke, write_config, tmp_path):
    began = time.monotonic()
    code, _, err = invoke(
        "build", write_config("clean.yaml", output=str(tmp_path / "clean"), **SMALL), real=True
    )
    assert code == 0, err
    wanted, seconds = digests(tmp_path / "clean"), time.monotonic() - began
    chance, before = random.Random(20), left_behind()
    todo = [signal.SIGKILL] * KILLS + [signal.SIGINT, signal.SIGTERM] * (SIGNALS // 2)
    chance.shuffle(todo)
    interrupted = builds = 0
    while todo:
        builds += 1
        out = tmp_path / f"out-{builds}"
        path = write_config(f"{builds}.yaml", output=str(out), **SMALL)
        for _ in range(IN_A_ROW):
            if not todo:
                break
            process = start("build", path, own_server=True, real=True)
            seen = psutil.Process(process.pid)
            time.sleep(chance.uniform(0.2, 1.2 * seconds))
            started = servers(seen)
            if chance.random() < 0.5:
                for server in started:
                    server.kill()
            if process.poll() is None:
                process.send_signal(todo.pop())
                interrupted += 1
            process.communicate(timeout=PATIENCE)
            psutil.wait_procs(started, timeout=20)
            assert not any(s.is_running() and s.status() != psutil.STATUS_ZOMBIE for s in started)
        process = start("build", path, own_server=True, real=True)
        _, told = process.communicate(timeout=600)
        assert process.returncode == 0, told
        assert digests(out) == wanted, f"build {builds}"
        assert invoke("verify", out)[0] == 0
    assert interrupted == KILLS + SIGNALS
    assert left_behind() == before
