"""A build that is killed anywhere leaves whole data, and resumes to the same bytes."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from drawn_records import BUILD, build_store, draw_shard, snapshot

from manifests import layout
from manifests.builds import finalise, open_build
from manifests.shards import write_shard
from manifests.store import Store, is_stray
from manifests.verify import verify


def test_the_next_build_clears_what_a_killed_one_left(store):
    Path(store.path("shards/.000009.tar.1-0.tmp")).write_bytes(b"half a tar")
    with store.lock():
        open_build(store, BUILD)
        assert not any(is_stray(p) for p in store.list())
    assert verify(store) == []


# Crashes.


@pytest.fixture
def quick():
    """A folder in memory where there is one: hundreds of fsyncs are slow on a busy disk."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="synthorax-", dir=memory) as folder:
        yield Path(folder)


class Crash(BaseException):
    """The machine stops: nothing after this happens, clean-up included."""


class Countdown:
    """Lets so many calls of the system through and none after them."""

    def __init__(self, calls):
        self.left = calls

    def guard(self, function):
        def guarded(*args, **kwargs):
            if self.left <= 0:
                raise Crash
            self.left -= 1
            return function(*args, **kwargs)

        return guarded


_FIRST, _SECOND = draw_shard(0, 3), draw_shard(1, 3)
_TRIED = draw_shard(1, 3, seed=1, p_break=0.5)


def work(store):
    """Opens, builds two shards, tries one of them again with another result, and finalises."""
    open_build(store, BUILD)
    write_shard(store, 0, _FIRST, {})
    write_shard(store, 1, _TRIED, {})
    finalise(store)
    write_shard(store, 1, _SECOND, {})
    finalise(store)


def crash_after(calls, patch, store):
    """Runs the work until so many calls have changed the file system; True if all of it was done."""
    countdown = Countdown(calls)
    if store.local:
        for name in ("replace", "fsync", "unlink", "makedirs"):
            patch.setattr(f"manifests.store.os.{name}", countdown.guard(getattr(os, name)))
        patch.setattr(store.fs, "rm_file", countdown.guard(store.fs.rm_file))
    else:
        for name in ("put_file", "rm_file", "makedirs"):
            patch.setattr(store.fs, name, countdown.guard(getattr(store.fs, name)))
    try:
        work(store)
    except Crash:
        return False
    return True


def readable(store):
    """What a reader finds is whole: every commit, and the index if there is one."""
    if not store.exists(layout.BUILD):
        return store.list() in ([], [p for p in store.list() if is_stray(p)])
    return not [p for p in verify(store) if not p.note and "is missing, expected" not in p.what]


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_crash_between_any_two_steps_leaves_whole_data_and_resumes_to_the_same(quick, kind):
    def fresh(name):
        return Store(quick / name if kind == "local" else f"memory://{quick.name}-{name}")

    work(reference := fresh("reference"))
    expected = snapshot(reference)
    calls, done = 0, False
    while not done:
        store = fresh(str(calls))
        with pytest.MonkeyPatch.context() as patch:
            done = crash_after(calls, patch, store)
        assert readable(store), f"after {calls} calls"
        with store.lock():
            work(store)
        assert {k: v for k, v in snapshot(store).items() if k != ".lock"} == expected
        calls += 1
    assert calls > 20  # each step was the last one once


_BUILD_FOREVER = """
import sys
sys.modules["torch"] = None  # webdataset loads it if it can, which takes longer than this build
sys.path.insert(0, sys.argv[2])
from drawn_records import BUILD, draw_shard
from manifests.builds import finalise, open_build
from manifests.shards import read_commits, write_shard
from manifests.store import Store
store = Store(sys.argv[1])
with store.lock():
    open_build(store, BUILD)
    print("started", flush=True)
    for shard in range(12):
        if shard not in read_commits(store):
            write_shard(store, shard, draw_shard(shard), {"batch_size": 8})
    finalise(store)
"""


def test_kill_9_and_resume_gives_the_same_bytes(quick):
    finalise(reference := build_store(quick / "reference", shards=12))
    folder = quick / "killed"
    command = [sys.executable, "-c", _BUILD_FOREVER, str(folder), str(Path(__file__).parent)]
    for delay in (0.15, 0.4, 0.02, None):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if delay is not None:
                time.sleep(delay)
                process.kill()
        assert readable(Store(folder))
    assert process.returncode == 0
    assert {k: v for k, v in snapshot(Store(folder)).items() if k != ".lock"} == snapshot(reference)
