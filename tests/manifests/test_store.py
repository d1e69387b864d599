import errno
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fsspec
import pytest
from drawn_records import BUILD, build_store, draw_shard, snapshot

from manifests import layout
from manifests.builds import finalise, open_build
from manifests.errors import DatasetError
from manifests.shards import read_commits, write_shard
from manifests.store import Store, is_stray
from manifests.verify import verify


@pytest.fixture(params=["local", "memory"])
def empty(request, tmp_path):
    """An empty folder, here and elsewhere."""
    if request.param == "local":
        return Store(tmp_path / "out")
    return Store(f"memory://{tmp_path.name}")


def test_files_come_back(empty, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    one, two = empty.publish("a/one", b"bytes"), empty.publish("two", source)
    assert (empty.read("a/one"), empty.read("two")) == (b"bytes", b"from a file")
    assert (empty.info("a/one"), empty.info("two")) == (one, two)
    assert empty.list() == ["a/one", "two"]
    assert empty.list("a") == ["a/one"]
    assert empty.list("nowhere") == []
    empty.publish("two", b"replaced")
    assert empty.read("two") == b"replaced"
    empty.remove("two")
    empty.remove("two")
    assert not empty.exists("two")


def test_an_interrupted_writer_publishes_nothing(empty):
    empty.publish("file", b"old")

    def write_half():
        with empty.writer("file") as sink:
            sink.write(b"new, but not all of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert empty.read("file") == b"old"
    assert empty.list() == ["file"]


def test_a_missing_file_is_told(empty):
    with pytest.raises(DatasetError, match="cannot read nothing: it is missing"):
        empty.read("nothing")


@pytest.mark.parametrize("url", ["nosuch://bucket/data", "s3x://a"])
def test_an_unknown_url_is_told(url):
    with pytest.raises(DatasetError, match="output: "):
        Store(url)


def test_the_same_bytes_here_and_elsewhere(tmp_path):
    here, there = build_store(tmp_path / "out"), build_store(f"memory://{tmp_path.name}")
    finalise(here)
    finalise(there)
    assert snapshot(here) == snapshot(there)
    assert verify(there) == []


# Full, forbidden and shared folders.


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root on Linux")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing(tiny_disk):
    store = build_store(tiny_disk, shards=2)
    before = snapshot(store)
    filler = tiny_disk / "filler"
    free = os.statvfs(tiny_disk).f_bavail * os.statvfs(tiny_disk).f_frsize
    filler.write_bytes(b"\0" * (free - 16384))
    with pytest.raises(DatasetError) as caught:
        write_shard(store, 2, draw_shard(2), {})
    assert str(caught.value).endswith("cannot write shards/000002.tar: No space left on device")
    with pytest.raises(DatasetError, match="No space left on device"):
        finalise(store)
    filler.unlink()
    assert {k: v for k, v in snapshot(store).items() if k not in layout.FINAL} == before
    write_shard(store, 2, draw_shard(2), {})
    finalise(store)
    assert verify(store) == []


def _write_with_a_file_limit(url: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
    try:
        write_shard(Store(url), 2, draw_shard(2), {})
    except DatasetError as error:
        os._exit(7 if "File too large" in str(error) else 1)
    os._exit(0)


def test_a_file_size_limit_is_told_and_loses_nothing(tmp_path):
    store = build_store(tmp_path / "out", shards=2)
    before = snapshot(store)
    process = multiprocessing.get_context("fork").Process(target=_write_with_a_file_limit, args=(store.url,))
    process.start()
    process.join()
    assert process.exitcode == 7
    assert snapshot(store) == before


def test_output_below_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "out")
    with pytest.raises(DatasetError, match=r"cannot write build\.json: Not a directory"):
        open_build(store, BUILD)
    with pytest.raises(DatasetError, match="Not a directory"), store.lock():
        pass


@pytest.fixture
def forbidden(tmp_path):
    """A folder that we may read but not write, whoever we are."""
    folder = tmp_path / "forbidden"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in (folder, *folder.parents):
        if os.geteuid() == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)


def test_an_unwritable_output_is_told(forbidden):
    with pytest.raises(DatasetError, match=r"cannot write build\.json: Permission denied"):
        open_build(Store(forbidden), BUILD)
    with pytest.raises(DatasetError, match="Permission denied"), Store(forbidden / "new").lock():
        pass


_HOLD = """
import sys, time
from manifests.store import Store
with Store(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_build_is_told_who_is_there_and_a_killed_one_leaves_no_lock(tmp_path):
    folder = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatasetError) as caught, Store(folder).lock():
            pass
        assert f"is being built by process {holder.pid};" in str(caught.value)
        assert "\n" not in str(caught.value)
        holder.kill()
    with Store(folder).lock():
        pass


def test_one_process_cannot_build_twice_in_a_folder(tmp_path):
    store = Store(tmp_path)
    with store.lock(), pytest.raises(DatasetError, match=str(os.getpid())), Store(tmp_path).lock():
        pass


def test_remote_folders_are_not_locked():
    store = Store("memory://unlocked")
    with store.lock(), store.lock():
        pass


def test_the_next_build_clears_what_a_killed_one_left(store):
    Path(store.path("shards/.000009.tar.1-0.tmp")).write_bytes(b"half a tar")
    with store.lock():
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


def test_an_error_of_the_file_system_is_one_line(store, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("manifests.store.os.fsync", refuse)
    with pytest.raises(DatasetError, match=r"cannot write a: Input/output error$"):
        store.publish("a", b"")
    assert list(read_commits(store)) == [0, 1, 2]


@pytest.fixture(autouse=True)
def _forget_memory():
    yield
    fsspec.filesystem("memory").store.clear()
