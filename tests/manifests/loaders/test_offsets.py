"""Offsets are kept beside a build that stays as it is, and never believed of another tar."""

import json

import pytest
from drawn_exports import build_seen, seen
from drawn_records import draw_record, snapshot

from manifests import layout
from manifests.builds import finalise
from manifests.commits import read_commit
from manifests.errors import DatasetError
from manifests.loaders import offsets
from manifests.loaders.datasets import SegmentationDataset
from manifests.loaders.offsets import read_offsets
from manifests.shards import write_shard
from manifests.store import Store
from manifests.tars import parse_sample, read_samples
from manifests.verify import verify

PATH = layout.offsets_path(0)


@pytest.fixture
def build(tmp_path):
    return build_seen(tmp_path / "build", 2)


def changed(store, path, **values):
    """A kept record with other values."""
    store.publish(path, json.dumps(json.loads(store.read(path)) | values).encode())


def test_spans_are_whole_samples(build):
    found = read_offsets(build, read_commit(build, 0))
    path = layout.tar_path(0)
    whole = dict(read_samples(build, path))
    assert list(whole) == list(found.starts)
    for key, (start, end) in zip(found.starts, found.spans, strict=True):
        assert parse_sample(build.read_span(path, start, end), key, path) == whole[key]


def test_verify_and_the_build_know_nothing_of_them(build):
    finalise(build)
    before = snapshot(build)
    SegmentationDataset(build.url)
    after = snapshot(build)
    assert after.keys() - before.keys() == {PATH, layout.offsets_path(1)}
    assert before.items() <= after.items()
    assert verify(build) == []
    finalise(build)
    assert snapshot(build) == after


def test_kept_ones_spare_the_tar(build, monkeypatch):
    made = read_offsets(build, read_commit(build, 0))
    monkeypatch.setattr(offsets, "sample_starts", None)
    assert read_offsets(build, read_commit(build, 0)) == made


def test_those_of_another_tar_are_made_again(build):
    films = len(SegmentationDataset(build.url, near_duplicates=True))
    stale = build.read(PATH)
    write_shard(build, 0, [seen(draw_record(i, seed=9)) for i in range(12)], {"batch_size": 8})
    build.publish(PATH, stale)
    dataset = SegmentationDataset(build.url, near_duplicates=True, labels="all")
    assert len(dataset) != films  # else the shard is no other
    assert len(list(dataset)) == len(dataset)
    assert build.read(PATH) != stale


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"starts": {}}'])
def test_records_that_are_none_are_made_again(build, data):
    read_offsets(build, read_commit(build, 0))
    good = build.read(PATH)
    build.publish(PATH, data)
    read_offsets(build, read_commit(build, 0))
    assert build.read(PATH) == good


def test_spans_that_lead_elsewhere_are_made_again(build):
    made = read_offsets(build, read_commit(build, 0))
    good = build.read(PATH)
    for end in (made.bytes + 1, 0):
        changed(build, PATH, end=end)
        assert read_offsets(build, read_commit(build, 0)) == made
        assert build.read(PATH) == good


def test_no_sample_is_taken_for_another(build):
    made = read_offsets(build, read_commit(build, 0))
    keys = list(made.starts)
    changed(build, PATH, starts=dict(zip([keys[1], keys[0], *keys[2:]], made.starts.values(), strict=True)))
    dataset = SegmentationDataset(build.url, labels="all", near_duplicates=True)
    with pytest.raises(
        DatasetError, match=rf"shards/000000.tar: broken tar: .* a member of {keys[0]} is exp"
    ):
        dataset[0]


def test_nothing_is_put_into_a_bucket(cache):
    remote = build_seen("memory://bucket", 2)
    before = snapshot(remote)
    dataset = SegmentationDataset("memory://bucket")
    assert len(list(dataset)) == len(dataset)
    assert snapshot(remote) == before
    kept = sorted(p.name for p in cache.rglob("offsets/*.json"))
    assert kept == ["000000.json", "000001.json"]


def test_a_build_that_cannot_be_written_to_is_left_alone(build, cache):
    build.publish(layout.OFFSETS, b"a file where the folder would be")
    before = snapshot(build)
    assert len(SegmentationDataset(build.url))
    assert snapshot(build) == before
    assert len(list(cache.rglob("offsets/*.json"))) == 2


def test_what_a_killed_loader_left_is_cleared_by_the_next_build(build):
    from drawn_records import BUILD

    from manifests.identity import open_build

    stray = f"{layout.OFFSETS}/.000000.json.12-0.tmp"
    build.publish(stray, b"{")
    open_build(build, BUILD)
    assert not Store(build.url).exists(stray)
