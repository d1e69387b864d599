import io
import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawn_records import BUILD, build_store, draw_record, draw_shard, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters.registry import FILTER_NAMES
from manifests import layout
from manifests.errors import DatasetError
from manifests.identity import open_build
from manifests.members import decode_anatomy, decode_lesions, decode_png
from manifests.records import Record
from manifests.schema import part_schema
from manifests.shards import read_commits, write_shard
from manifests.store import Store
from manifests.tars import read_samples


def test_a_shard_is_byte_identical_when_built_again(tmp_path):
    one = snapshot(build_store(tmp_path / "one"))
    two = snapshot(build_store(tmp_path / "two"))
    assert one == two
    assert set(layout.tar_path(n) for n in range(3)) <= set(one)


def test_building_a_shard_over_itself_changes_nothing(store):
    before = snapshot(store)
    write_shard(store, 1, draw_shard(1), {"batch_size": 8})
    assert snapshot(store) == before


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(size=st.integers(1, 12), seed=st.integers(0, 10**6), p_fail=st.floats(0, 1), p=st.floats(0, 1))
def test_counts_add_up_and_every_candidate_has_a_row(tmp_path_factory, size, seed, p_fail, p):
    store = Store(tmp_path_factory.mktemp("out"))
    open_build(store, BUILD)
    records = draw_shard(3, size, seed=seed, p_fail=p_fail, p_break=p)
    commit = write_shard(store, 3, records, {})
    table = pq.read_table(io.BytesIO(store.read(commit.part)))
    assert table.column("key").to_pylist() == [r.case.key for r in records]
    assert commit.candidates == commit.accepted + commit.rejected + commit.failed == size
    statuses = table.column("status").to_pylist()
    for status in ("accepted", "rejected", "failed"):
        assert statuses.count(status) == getattr(commit, status)
    for path, status in ((layout.tar_path(3), "accepted"), (layout.rejected_path(3), "rejected")):
        keys = [k for k, _ in read_samples(store, path)] if path in commit.files else []
        assert keys == [r.case.key for r in records if r.status == status]
        assert (path in commit.files) == store.exists(path)


def test_members_hold_what_was_drawn(store):
    drawn = {r.case.key: r for r in draw_shard(0)}
    for key, members in read_samples(store, layout.tar_path(0)):
        candidate = drawn[key].candidate
        assert np.array_equal(decode_png(members["png"]), candidate.image)
        assert np.array_equal(decode_anatomy(members["anatomy.png"]), candidate.masks.anatomy)
        lesions = decode_lesions(members["lesions.png"])
        assert np.array_equal(lesions, candidate.masks.lesion_channels())
        labels = json.loads(members["json"])
        assert (labels["key"], labels["prompt"]) == (key, candidate.case.prompt)
        boxes = [a["bbox"] for a in labels["annotations"] if a["category_id"] <= 13]
        assert boxes == [list(lesion.box) for lesion in candidate.masks.lesions]


def test_a_row_holds_every_verdict(store):
    table = pq.read_table(io.BytesIO(store.read(layout.part_path(0))))
    assert table.schema.equals(part_schema(), check_metadata=False)
    assert table.schema.metadata[b"schema_version"] == b"5"
    for row, record in zip(table.to_pylist(), draw_shard(0), strict=True):
        assert [row[f"{n}_verdict"] for n in FILTER_NAMES if row[f"{n}_verdict"]] == [
            v.outcome for v in record.verdicts
        ]
        for v in record.verdicts:
            assert str(row[f"{v.filter}_score"]) == str(v.score)
            assert row[f"{v.filter}_threshold"] == v.threshold
            assert json.loads(row[f"{v.filter}_detail"]) == v.detail


def test_tar_entries_carry_no_time_and_no_owner(store):
    with tarfile.open(fileobj=io.BytesIO(store.read(layout.tar_path(0)))) as tar:
        assert {(t.mtime, t.uid, t.uname) for t in tar} == {(0, 0, "bigdata")}


def test_rejected_can_be_left_out(tmp_path):
    store = Store(tmp_path / "out")
    open_build(store, BUILD)
    commit = write_shard(store, 0, draw_shard(0, p_fail=0.5), {}, keep_rejected=False)
    assert commit.rejected > 0
    assert layout.rejected_path(0) not in commit.files
    assert not store.list(layout.REJECTED)


def test_a_shard_tried_again_loses_files_that_it_no_longer_has(tmp_path):
    store = Store(tmp_path / "out")
    open_build(store, BUILD)
    write_shard(store, 0, draw_shard(0, p_fail=1.0), {})
    assert store.exists(layout.rejected_path(0))
    write_shard(store, 0, draw_shard(0, p_fail=0.0, p_break=0.0), {})
    assert read_commits(store)[0].failed == 0
    assert set(read_commits(store)[0].files) | {"build.json", "commits/000000.json"} == set(store.list())


def test_readers_follow_commits_not_files(store):
    store.publish(layout.tar_path(9), b"no commit speaks of this")
    store.publish("commits/.000009.json.1-1.tmp", b"{")
    assert list(read_commits(store)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no records"),
        ([draw_record(2, p_break=0), draw_record(1, p_break=0)], "do not rise"),
    ],
)
def test_records_that_make_no_shard(store, records, message):
    with pytest.raises(DatasetError, match=message):
        write_shard(store, 5, records, {})
    assert list(read_commits(store)) == [0, 1, 2]


def test_a_record_must_say_what_its_verdicts_say():
    record = next(r for r in map(draw_record, range(50)) if r.status == "rejected")
    with pytest.raises(DatasetError, match="verdicts say rejected"):
        Record(record.case, "accepted", record.candidate, record.verdicts)
    with pytest.raises(DatasetError, match="failed with error ''"):
        Record(record.case, "failed")


def test_a_broken_commit_is_told_in_one_line(store):
    store.publish(layout.commit_path(1), b"{}")
    with pytest.raises(DatasetError, match=r"commits/000001.json: not a commit record"):
        read_commits(store)
