"""A folder's lock: who holds it and what they say, and nothing left of one that came to nothing."""

import os
from pathlib import Path

import pytest

from manifests.errors import DatasetError
from manifests.locks import Holder
from manifests.store import Store


def test_who_holds_a_lock_and_what_they_do_is_known_outside(tmp_path):
    store = Store(tmp_path / "out")
    assert store.holder() is None
    with store.lock() as lock:
        assert Store(tmp_path / "out").holder() == Holder(str(os.getpid()), "")
        for line in ("12 of 400 candidates, a long line", "13 of\n400"):
            lock.note(line)
            assert store.holder() == Holder(str(os.getpid()), line.replace("\n", " "))
    assert store.holder() is None


def test_asking_for_the_holder_writes_nothing(tmp_path):
    assert Store(tmp_path / "out").holder() is None
    assert list(tmp_path.iterdir()) == []


def test_asking_for_the_holder_again_and_again_keeps_nobody_out(tmp_path):
    store, asker = Store(tmp_path), Path(__file__).parents[2]
    with store.lock():
        pass
    pid = os.fork()
    if not pid:  # asks without a pause
        os.chdir(asker)
        while True:
            store.holder()
    try:
        for _ in range(200):
            with store.lock():
                pass
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_a_block_that_raises_leaves_no_file_and_no_folder_made_for_the_lock(tmp_path):
    (tmp_path / "mine").mkdir()
    for folder in ("new/deep/out", "mine"):
        with pytest.raises(ZeroDivisionError), Store(tmp_path / folder).lock():
            raise ZeroDivisionError
    assert [p.name for p in tmp_path.rglob("*")] == ["mine"]


def test_a_block_that_raises_leaves_what_has_come_into_the_folder(tmp_path):
    store = Store(tmp_path / "out")
    with pytest.raises(DatasetError, match="later"), store.lock():
        _publish_and_fail(store)
    assert store.list() == ["a"]


def _publish_and_fail(store):
    store.publish("a", b"b")
    raise DatasetError("later")


def test_whoever_has_opened_a_file_that_its_holder_abandons_does_not_hold_it(tmp_path, monkeypatch):
    from manifests import locks

    real, other = locks._open, []

    def slow(path):
        found = real(path)
        if not other:  # another comes and goes between the opening and the locking
            other.append(path.unlink())
        return found

    monkeypatch.setattr(locks, "_open", slow)
    with (
        Store(tmp_path).lock(),
        pytest.raises(DatasetError, match="is being built by"),
        Store(tmp_path).lock(),
    ):
        pass
