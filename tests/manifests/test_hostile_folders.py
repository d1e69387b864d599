"""A folder that somebody else made: nothing of it is lost, nothing of it leads elsewhere, nothing waits."""

import json
import os
import time
from pathlib import Path

import fsspec
import pytest
from drawn_records import BUILD, build_store, draw_shard, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests import layout
from manifests.builds import finalise
from manifests.commits import read_commits, standing_commits
from manifests.errors import DatasetError
from manifests.identity import check_build, open_build
from manifests.shards import write_shard
from manifests.store import Store
from manifests.verify import repair, verify

OWN_NAMES = [
    "README.md",
    "coco.json",
    "index.json",
    "manifest.parquet",
    "near_duplicates.parquet",
    ".README.md.17-0.tmp",
    ".git",
    ".x.tmp",
    "shards",
    "commits",
]
names = st.one_of(
    st.sampled_from(OWN_NAMES),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=60),
).filter(lambda name: name not in (".", "..", layout.BUILD, ".lock") and len(name.encode()) < 200)


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every entry of a folder: its bytes and when it was changed."""
    return {
        p.relative_to(folder).as_posix(): (p.read_bytes() if p.is_file() else b"", p.lstat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
    }


@settings(max_examples=60, deadline=None)
@given(files=st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=5), nested=st.booleans())
def test_a_folder_of_somebody_else_is_refused_and_left_as_it_is(tmp_path_factory, files, nested):
    folder = tmp_path_factory.mktemp("theirs")
    for name, data in files.items():
        if nested:
            (folder / name).mkdir()
            (folder / name / "README.md").write_bytes(data)
            (folder / name / ".a.1-0.tmp").write_bytes(data)
        else:
            (folder / name).write_bytes(data)
    before = content(folder)
    for refused in (open_build, check_build):
        with pytest.raises(DatasetError, match=r"output: .* but no build\.json"):
            refused(Store(folder), BUILD)
    assert content(folder) == before


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"name": "a package", "version": 1}', "{" * 9000, ""])
def test_a_build_json_of_somebody_else_is_refused_and_left_as_it_is(tmp_path, text):
    (tmp_path / layout.BUILD).write_text(text)
    (tmp_path / "README.md").write_text("theirs")
    before = content(tmp_path)
    with pytest.raises(DatasetError, match=r"build\.json: not a build's identity: "):
        open_build(Store(tmp_path), BUILD)
    assert content(tmp_path) == before


def test_what_a_killed_build_left_before_it_began_is_no_stranger(tmp_path):
    for name in (".lock", ".build.json.17-0.tmp"):
        (tmp_path / name).write_bytes(b"")
    open_build(Store(tmp_path), BUILD)
    assert Store(tmp_path).list() == [".lock", layout.BUILD]


def test_only_strays_of_our_own_files_are_cleared(store):
    theirs = (
        ".notes.tmp",
        "shards/.notes.tmp",
        "mine/.a.1-0.tmp",
        ".data.csv.1-0.tmp",
        "shards/.x.tar.1-0.tmp",
    )
    for path in (*theirs, "shards/.000009.tar.1-0.tmp", ".index.json.3-14.tmp"):
        Path(store.path(path)).parent.mkdir(exist_ok=True)
        Path(store.path(path)).write_bytes(b"half")
    open_build(store, BUILD)
    assert sorted(p for p in store.list() if p.endswith(".tmp")) == sorted(theirs)


def test_a_remote_folder_of_somebody_else_is_refused():
    store = Store("memory://theirs")
    fsspec.filesystem("memory").pipe("/theirs/README.md", b"theirs")
    with pytest.raises(DatasetError, match=r"holds 'README.md' but no build\.json"):
        open_build(store, BUILD)
    assert store.list() == ["README.md"]


# What a record names lies in the folder, or is not read.


@pytest.mark.parametrize(
    "path", ["../../dev/zero", "/dev/zero", "shards/../../x", "commits/000001.json", "a\0b"]
)
def test_a_commit_names_no_files_but_its_own(store, path):
    commit = json.loads(store.read(layout.commit_path(1)))
    commit["files"][path] = commit["files"].pop(layout.tar_path(1))
    store.publish(layout.commit_path(1), json.dumps(commit).encode())
    with pytest.raises(DatasetError, match=r"commits/000001\.json: names .*, expected one of shards"):
        read_commits(store)
    assert [p.path for p in verify(store) if not p.note] == [layout.commit_path(1)]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../b", "", ".", "a//b"])
def test_a_store_reads_and_writes_inside_alone(tmp_path, name):
    store = Store(tmp_path / "out")
    for use in (store.read, store.exists, store.info, store.remove, lambda path: store.publish(path, b"x")):
        with pytest.raises(DatasetError, match="expected a path inside the folder"):
            use(name)
    assert list(tmp_path.iterdir()) == []


def _replaced(store: Store, path: str, how: str, outside: Path) -> None:
    file = Path(store.path(path))
    file.unlink()
    if how == "pipe":
        os.mkfifo(file)
    elif how == "folder":
        file.mkdir()
    else:
        file.symlink_to({"zero": "/dev/zero", "outside": outside, "itself": file.name}[how])


@pytest.mark.parametrize("how", ["pipe", "folder", "zero", "outside", "itself"])
@pytest.mark.parametrize(
    "path", [layout.tar_path(1), layout.commit_path(1), layout.INDEX, layout.MANIFEST, layout.CARD]
)
def test_pipes_devices_and_links_out_are_told_and_not_waited_for(store, tmp_path, path, how):
    finalise(store)
    outside = tmp_path / "outside"
    outside.write_bytes(Path(store.path(path)).read_bytes())
    _replaced(store, path, how, outside)
    begun = time.monotonic()
    problems = [p for p in verify(store) if not p.note]
    assert time.monotonic() - begun < 20
    assert problems
    assert all("\n" not in str(p) and str(outside.stat().st_size) not in str(p) for p in problems)


def test_a_folder_that_leads_out_is_not_written_through(store, tmp_path):
    outside = tmp_path / "elsewhere"
    Path(store.path("shards")).rename(outside)
    Path(store.path("shards")).symlink_to(outside)
    before = content(outside)
    with pytest.raises(DatasetError, match="is a link out of the folder"):
        write_shard(store, 1, draw_shard(1), {})
    assert content(outside) == before
    assert verify(store)


def test_links_in_a_circle_are_not_followed(store):
    for name in ("a", "b"):
        Path(store.path(name)).symlink_to(".", target_is_directory=True)
    assert len(store.list()) < 40


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_lock_that_is_a_link_leaves_what_it_points_to_alone(tmp_path, link):
    precious, folder = tmp_path / "precious", tmp_path / "out"
    precious.write_text("years of work")
    folder.mkdir()
    (folder / ".lock").symlink_to(precious) if link == "symbolic" else os.link(precious, folder / ".lock")
    with pytest.raises(DatasetError, match="expected a file of ours"), Store(folder).lock():
        pass
    assert precious.read_text() == "years of work"


def test_a_dataset_in_a_hub_s_cache_is_read_through_its_links(store, tmp_path):
    finalise(store)
    blobs, snapshot_ = tmp_path / "hub" / "blobs", tmp_path / "hub" / "snapshots" / "main"
    blobs.mkdir(parents=True)
    for path in store.list():
        (snapshot_ / path).parent.mkdir(parents=True, exist_ok=True)
        (blobs / path.replace("/", "-")).write_bytes(store.read(path))
        (snapshot_ / path).symlink_to(
            os.path.relpath(blobs / path.replace("/", "-"), (snapshot_ / path).parent)
        )
    assert verify(Store(snapshot_)) == []


# Damage is seen by a resume, and mended.


@pytest.mark.parametrize("path", [layout.tar_path(1), layout.part_path(1), layout.rejected_path(1)])
def test_a_resume_builds_again_what_is_missing_or_of_another_size(store, path):
    finalise(store)
    before = snapshot(store)
    for damage in (lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes()[:-1])):
        damage(Path(store.path(path)))
        assert list(standing_commits(store)) == [0, 2]
        write_shard(store, 1, draw_shard(1), {"batch_size": 8})
        finalise(store)
        assert snapshot(store) == before


def test_a_commit_that_cannot_be_read_stops_a_resume_and_is_taken_back_by_repair(store):
    finalise(store)
    before = snapshot(store)
    Path(store.path(layout.commit_path(1))).write_text("[]")
    Path(store.path(layout.tar_path(2))).write_bytes(store.read(layout.tar_path(2))[:-9] + b"123456789")
    with pytest.raises(DatasetError, match="verify --repair"):
        standing_commits(store)
    assert repair(store, verify(store)) == [1, 2]
    assert list(standing_commits(store)) == [0]
    assert store.list("shards") == [layout.tar_path(0)]
    for shard in (1, 2):
        write_shard(store, shard, draw_shard(shard), {"batch_size": 8})
    finalise(store)
    assert {k: v for k, v in snapshot(store).items() if k != ".lock"} == before


@pytest.mark.parametrize("gone", [(2,), (0, 1, 2)])
def test_commits_that_the_index_lists_are_missed(store, gone):
    finalise(store)
    for shard in gone:
        store.remove(layout.commit_path(shard))
    problems = [p for p in verify(store) if not p.note]
    assert [p.path for p in problems] == [layout.commit_path(shard) for shard in gone]
    assert all("is missing" in p.what for p in problems)


def test_a_commit_named_by_digits_of_another_alphabet_is_a_stranger(tmp_path):
    store = build_store(tmp_path / "out", shards=1)
    Path(store.path("commits/²²²²²².json")).write_text("{}")
    assert list(read_commits(store)) == [0]
