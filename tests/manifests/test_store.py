import errno
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from drawn_records import BUILD, build_store, draw_shard, snapshot

from manifests import layout
from manifests.builds import finalise, open_build
from manifests.errors import DatasetError
from manifests.shards import read_commits, write_shard
from manifests.store import Store
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
    write_shard(store, 2, draw_shard(2), {"batch_size": 8})
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


def test_an_error_of_the_file_system_is_one_line(store, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("manifests.store.os.fsync", refuse)
    with pytest.raises(DatasetError, match=r"cannot write a: Input/output error$"):
        store.publish("a", b"")
    assert list(read_commits(store)) == [0, 1, 2]
