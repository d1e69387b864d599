"""What a store refuses is told in one line, and never taken for a file that is not there."""

import errno

import fsspec
import pytest
from drawn_records import build_store, draw_shard, snapshot
from fsspec.exceptions import FSTimeoutError
from fsspec.implementations.memory import MemoryFileSystem

from manifests.builds import finalise
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.failures import is_absence
from manifests.identity import open_build, read_build
from manifests.shards import write_shard
from manifests.store import Store
from synth.errors import users_mistake


def store_error(package: str, name: str, text: str = "") -> Exception:
    """An exception as a store's package has it: no OSError."""
    return type(name, (Exception,), {"__module__": f"{package}.exceptions"})(text)


def not_found_because(cause: Exception) -> FileNotFoundError:
    error = FileNotFoundError("http://elsewhere/build.json")
    error.__cause__ = cause
    return error


FAILURES = {
    "no credentials": (store_error("botocore", "NoCredentialsError", "Unable to locate"), "no credentials"),
    "endpoint down": (store_error("botocore", "EndpointConnectionError", "Could not connect"), "not connect"),
    "no permission": (PermissionError(errno.EACCES, "Forbidden"), "Forbidden"),
    "no bucket": (FileNotFoundError("The specified bucket does not exist"), "bucket does not exist"),
    "aiohttp": (store_error("aiohttp", "ClientPayloadError", "not\nall"), "not all"),
    "http down": (not_found_because(ConnectionRefusedError(errno.ECONNREFUSED, "refused")), "refused"),
    "timeout": (FSTimeoutError(), "no answer in time"),
    "asyncio": (TimeoutError(), "no answer in time"),
    "gcs": (store_error("gcsfs", "HttpError", "Anonymous caller"), "Anonymous caller"),
}


@pytest.fixture(params=FAILURES)
def failing(request, monkeypatch):
    """A store elsewhere that holds a dataset, and from now on fails in one way; and what is to be told."""
    store = build_store("memory://failing", shards=1)
    error, told = FAILURES[request.param]

    def fail(*_, **__):
        raise error

    for name in ("info", "_open", "find", "ls", "put_file", "rm_file", "cat_file"):
        monkeypatch.setattr(MemoryFileSystem, name, fail)
    return store, told


def test_every_use_tells_a_failure_in_one_line(failing, tmp_path):
    store, told = failing
    (tmp_path / "file").write_bytes(b"x")
    uses = [
        lambda: store.exists("build.json"),
        lambda: store.read("build.json"),
        lambda: store.info("build.json"),
        lambda: store.list(),
        lambda: store.sizes("commits"),
        lambda: store.strangers(lambda name: False),
        lambda: store.remove("build.json"),
        lambda: store.publish("a", b"x"),
        lambda: read_build(store),
        lambda: read_commits(store),
        lambda: open_build(store, {"config": {}}),
        lambda: write_shard(store, 0, draw_shard(0), {}),
        lambda: finalise(store),
    ]
    for use in uses:
        with pytest.raises(DatasetError, match=told) as caught:
            use()
        assert users_mistake(caught.value) == str(caught.value)
        assert "is missing" not in str(caught.value)


def test_a_shard_is_not_built_over_a_commit_that_cannot_be_asked_for(monkeypatch):
    store = build_store("memory://asked", shards=1)
    before = snapshot(store)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "info", _refuse)
        with pytest.raises(DatasetError, match="Forbidden"):
            write_shard(store, 0, draw_shard(0, seed=1), {})
    assert snapshot(store) == before


def _refuse(*_, **__):
    raise PermissionError(errno.EACCES, "Forbidden")


def test_absence_is_absence():
    fsspec.filesystem("memory").pipe("/some/where", b"x")
    store = Store("memory://some-bucket/there")
    assert not store.exists("build.json")
    assert store.list() == store.strangers(lambda name: False) == []
    store.remove("build.json")
    missing = store_error("botocore", "ClientError", "Not Found")
    missing.response = {"Error": {"Code": "404"}}
    assert is_absence(not_found_because(missing))
    assert is_absence(not_found_because(KeyError("where")))
    assert not is_absence(not_found_because(store_error("aiohttp", "ClientConnectorError")))


def test_a_bug_of_ours_stays_one(monkeypatch):
    store = Store("memory://bug")
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_, **__: {}["nothing"])
    with pytest.raises(KeyError):
        store.exists("build.json")


#: Chains that end, or begin, in a folder of this machine, and what no path can hold.
CHAINS = ("a::b://c", "file://a::b", "local://a::b", "memory://a::b", "a::", "::a", "a\0b")


@pytest.mark.parametrize("url", ["a::b", "simplecache::/tmp/x", "github://x", "/tmp/a::/tmp/b", *CHAINS])
def test_what_would_write_elsewhere_is_refused(url):
    with pytest.raises(DatasetError, match="output: "):
        Store(url)


@pytest.mark.parametrize("refusal", [NotImplementedError("no"), ValueError("Read only filesystem")])
def test_storage_that_can_only_be_read_is_told(monkeypatch, refusal):
    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(MemoryFileSystem, "put_file", refuse)
    with pytest.raises(DatasetError, match="cannot write a: storage of this kind is only read, expected a"):
        Store("memory://read").publish("a", b"x")
