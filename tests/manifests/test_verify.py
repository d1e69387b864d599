import json
from pathlib import Path

import pytest
from drawn_records import BUILD, build_store, draw_shard, snapshot

from manifests import layout
from manifests.builds import finalise, open_build
from manifests.errors import DatasetError
from manifests.records import records_table
from manifests.shards import _write_part, read_commits, write_shard
from manifests.store import Store
from manifests.verify import verify

TAR, PART = layout.tar_path(1), layout.part_path(1)


def damage(store: Store, path: str, change) -> None:
    file = Path(store.path(path))
    file.write_bytes(change(file.read_bytes()))


def recommit(store: Store, path: str) -> None:
    """A forger's work: the commit of shard 1 told to trust a file as it is now."""
    commit = json.loads(store.read(layout.commit_path(1)))
    info = store.info(path)
    commit["files"][path] |= {"sha256": info.sha256, "bytes": info.bytes}
    store.publish(layout.commit_path(1), json.dumps(commit).encode())


@pytest.mark.parametrize("finalised", [False, True])
def test_a_whole_dataset_has_no_problems(store, finalised):
    if finalised:
        finalise(store)
    assert verify(store) == []


def test_on_memory_too():
    store = build_store("memory://verify-whole")
    finalise(store)
    assert verify(store) == []


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (TAR, lambda b: b[: len(b) // 2], "is cut off"),
        (TAR, lambda b: b[:3000] + bytes([b[3000] ^ 1]) + b[3001:], "was changed"),
        (PART, lambda b: b[:-9], "is cut off"),
        (PART, lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:], "was changed"),
        (layout.rejected_path(1), lambda b: b + b"\0", "has grown"),
        (layout.MANIFEST, lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:], "was changed"),
        (layout.COCO, lambda b: b[:-2], "is cut off"),
        (layout.INDEX, lambda b: b[:50], "not an index"),
        (layout.commit_path(1), lambda b: b[:50], "not a commit record"),
    ],
)
def test_damage_is_told_with_its_path(store, path, change, said):
    finalise(store)
    damage(store, path, change)
    problems = [p for p in verify(store) if not p.note]
    assert len(problems) == 1
    assert problems[0].path == path
    assert said in problems[0].what
    assert "\n" not in str(problems[0])


@pytest.mark.parametrize("path", [TAR, PART, layout.commit_path(1)])
def test_a_missing_file_is_told(store, path):
    store.remove(path)
    assert [p.path for p in verify(store) if not p.note] == [path]


def test_a_missing_last_shard_is_told_when_it_is_expected(store):
    assert verify(store, expected=range(3)) == []
    assert [p.path for p in verify(store, expected=range(4))] == [layout.commit_path(3)]


@pytest.mark.parametrize("cut", [512, 5000, 20000])
def test_a_truncated_tar_is_found_even_if_its_digest_was_forged(store, cut):
    damage(store, TAR, lambda b: b[: len(b) - 10240 - cut])
    recommit(store, TAR)
    problems = verify(store)
    assert problems
    assert all(p.path.startswith(TAR) for p in problems)


def test_a_swapped_tar_is_found_even_if_its_digest_was_forged(store):
    damage(store, TAR, lambda _: store.read(layout.tar_path(2)))
    recommit(store, TAR)
    assert any("keys" in p.what for p in verify(store))


def test_a_part_that_disagrees_is_found_even_if_its_digest_was_forged(store):
    _write_part(store, PART, records_table(1, draw_shard(1, seed=5)))
    recommit(store, PART)
    assert verify(store)


def test_a_commit_of_another_build_is_told(store):
    commit = json.loads(store.read(layout.commit_path(1))) | {"build_hash": "0" * 64}
    store.publish(layout.commit_path(1), json.dumps(commit).encode())
    assert [str(p) for p in verify(store)] == ["commits/000001.json: is of another build"]


def test_wrong_counts_are_told(store):
    commit = json.loads(store.read(layout.commit_path(1)))
    commit["accepted"] += 1
    store.publish(layout.commit_path(1), json.dumps(commit).encode())
    assert any("are not the rows of its part" in p.what for p in verify(store))


def test_overlapping_shards_are_told(store):
    write_shard(store, 3, draw_shard(2), {})
    assert any("but shard 2 ends at" in p.what for p in verify(store))


def test_strays_are_notes(store):
    Path(store.path("shards/.000007.tar.1-0.tmp")).write_bytes(b"half")
    Path(store.path("shards/000007.tar")).write_bytes(b"uncommitted")
    problems = verify(store)
    assert [p.path for p in problems] == ["shards/.000007.tar.1-0.tmp", "shards/000007.tar"]
    assert all(p.note for p in problems)
    assert list(read_commits(store)) == [0, 1, 2]


def test_an_index_that_is_behind_is_a_note(store):
    finalise(store)
    write_shard(store, 3, draw_shard(3), {"batch_size": 8})
    assert [(p.path, p.note) for p in verify(store)] == [(layout.INDEX, True)]


def test_verifying_changes_nothing(store):
    finalise(store)
    before = snapshot(store)
    verify(store)
    assert snapshot(store) == before


def test_no_dataset_there(tmp_path):
    with pytest.raises(DatasetError, match=r"build\.json is missing"):
        verify(Store(tmp_path))


def test_an_empty_build_is_whole(tmp_path):
    store = Store(tmp_path)
    open_build(store, BUILD)
    assert verify(store) == []
