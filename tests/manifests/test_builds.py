import io
import json
import tarfile
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from drawn_records import BUILD, build_store, draw_record, draw_shard, finalised_by_sex, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from filters.verdicts import Verdict
from manifests import duplicates, identity, layout
from manifests.builds import finalise, open_build, read_build, read_index
from manifests.errors import DatasetError
from manifests.parts import read_rows
from manifests.records import Record
from manifests.schema import manifest_schema
from manifests.seldom import with_mark
from manifests.selection import GROUPS, rows_of
from manifests.shards import write_shard
from manifests.store import Store
from synth.findings import FINDINGS
from synth.software import software


def test_finalising_twice_or_elsewhere_gives_the_same_bytes(store, tmp_path):
    finalise(store)
    once = snapshot(store)
    finalise(store)
    assert snapshot(store) == once
    other = build_store(tmp_path / "other")
    finalise(other)
    assert snapshot(other) == once


def test_shard_order_does_not_show(store, tmp_path):
    other = Store(tmp_path / "other")
    open_build(other, BUILD)
    for shard in (2, 0, 1):
        write_shard(
            other,
            shard,
            [draw_record(i) for i in range(shard * 10, shard * 10 + 10)],
            {"batch_size": 8},
        )
    finalise(store)
    finalise(other)
    assert snapshot(store) == snapshot(other)


def test_pandas_pyarrow_and_duckdb_read_the_manifest(store):
    index = finalise(store)
    path = store.path(layout.MANIFEST)
    table = pq.read_table(path)
    assert table.schema.equals(manifest_schema(), check_metadata=False)
    frame = pd.read_parquet(path)
    assert list(frame["key"]) == [f"{i:09d}" for i in range(30)]
    assert dict(frame["status"].value_counts()) == {
        s: getattr(index.counts, s) for s in ("accepted", "rejected", "failed") if getattr(index.counts, s)
    }
    rows = duckdb.sql(
        f"select key, findings[1].name, lesion_area.effusion, integrity_score, "
        f"json_extract(integrity_detail, '$.sub') from '{path}' where status = 'accepted'"
    ).fetchall()
    assert len(rows) == index.counts.accepted
    assert str(read_rows(store).to_pylist()) == str(table.to_pylist())  # NaN is not equal to itself


def test_counts_add_up(store):
    counts = finalise(store).counts
    assert counts.candidates == counts.accepted + counts.rejected + counts.failed == 30
    index = read_index(store)
    assert index is not None
    assert index.counts == counts
    assert sum(s.accepted for s in index.shards) == counts.accepted
    for shard in index.shards:
        for path, file in shard.files.items():
            assert store.info(path).sha256 == file.sha256
    for path, info in index.files.items():
        assert store.info(path) == info


def test_pycocotools_reads_the_export(store, tmp_path):
    finalise(store)
    coco = COCO(store.path(layout.COCO))
    drawn = {i: draw_record(i) for i in range(30)}
    accepted = [i for i, r in drawn.items() if r.status == "accepted"]
    assert sorted(coco.imgs) == accepted
    for i in accepted:
        lesions = drawn[i].candidate.masks.lesions
        found = coco.loadAnns(coco.getAnnIds(imgIds=[i]))
        with tarfile.open(store.path(coco.imgs[i]["tar"])) as tar:
            assert coco.imgs[i]["file_name"] in tar.getnames()
        assert len(found) == len(lesions)
        for a, lesion in zip(found, lesions, strict=True):
            assert np.array_equal(coco.annToMask(a).astype(bool), lesion.mask)
            assert tuple(a["bbox"]) == lesion.box
            assert coco.cats[a["category_id"]]["name"] == lesion.finding


def test_the_card_says_who_is_accepted(tmp_path):
    card = finalised_by_sex(tmp_path / "out").read(layout.CARD).decode()
    counts = read_index(Store(tmp_path / "out")).counts
    told = list(rows_of(counts.shares))
    assert {group for group, *_ in told} == set(GROUPS)
    for group, value, judged, accepted in told:
        share = f"{judged:,} | {accepted:,} | {accepted / judged:.0%}"
        assert f"| {group} | {with_mark(value, value.replace('_', ' '), counts.seldom)} | {share} |" in card
    assert "Far from the share of all:" in card
    assert "- sex F: 0% of " in card


@pytest.mark.parametrize(
    ("images", "told"),
    [({"model": "fast"}, True), ({"model": "best"}, False), ({"model": "fast", "checkpoint": "own"}, False)],
)
def test_the_card_says_which_training_films_nobody_compared_with(tmp_path, images, told):
    store = Store(tmp_path / "out")
    open_build(store, {**BUILD, "config": {**BUILD.get("config", {}), "images": images}})
    write_shard(store, 0, [draw_record(i) for i in range(10)], {"batch_size": 8})
    finalise(store)
    card = store.read(layout.CARD).decode()
    assert ("8,597 films, most of which it does not know" in card) == told


def test_the_card_is_a_hugging_face_card(store):
    index = finalise(store)
    card = store.read(layout.CARD).decode()
    front = yaml.safe_load(card.split("---")[1])
    assert front["configs"][0]["data_files"][0]["path"] == "shards/*.tar"
    assert front["size_categories"] == ["n<1K"]
    assert f"{index.counts.accepted:,} accepted samples (48 x 48 pixels) of 30" in card
    assert "ab" * 32 in card
    assert "Synthetic images" in card


def test_the_card_marks_findings_that_no_filter_decided_by(tmp_path):
    def doubting(record):
        detail = {
            "doubted": ["nodule"],
            "prompted": [f.name for f in record.case.findings if f.name != "nodule"],
        }
        heard = [v.filter == "finding_agreement" and v.outcome != "skipped" for v in record.verdicts]
        verdicts = [
            replace(v, detail=detail) if h else v for v, h in zip(record.verdicts, heard, strict=True)
        ]
        return replace(record, verdicts=tuple(verdicts)), any(heard)

    store = Store(tmp_path / "out")
    open_build(store, BUILD)
    records = [doubting(r) for r in draw_shard(0, 120)]
    asked = sum("nodule" in {f.name for f in r.case.findings} for r, heard in records if heard)
    write_shard(store, 0, [r for r, _ in records], {})
    assert finalise(store).counts.undecided == {"nodule": asked}
    assert asked > 0
    card = store.read(layout.CARD).decode()
    assert f"| {FINDINGS['nodule'].title}† |" in card
    assert f"| {FINDINGS['mass'].title} |" in card
    assert "† No filter decided by it" in card


def test_experts_that_do_not_say_what_they_doubt_mark_nothing(store):
    assert finalise(store).counts.undecided == {}
    assert "†" not in store.read(layout.CARD).decode()


def _embedded(index, vector, threshold=0.05):
    """An accepted record of one verdict."""
    drawn = next(r for i in range(50) if (r := draw_record(index, seed=i)).candidate)
    verdict = Verdict("near_duplicate", "pass", 1.0, threshold, ">=")
    return Record(drawn.case, "accepted", drawn.candidate, (verdict,), embedding=vector)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), block=st.integers(1, 17))
def test_pairs_across_shards_are_all_found(tmp_path_factory, seed, n, block):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, 6))
    vectors = centres[rng.integers(0, 4, n)] + rng.normal(size=(n, 6)) * 0.2
    store = Store(tmp_path_factory.mktemp("out"))
    open_build(store, BUILD)
    for shard in range(0, n, 3):
        write_shard(
            store,
            shard // 3,
            [_embedded(i, vectors[i]) for i in range(shard, min(shard + 3, n))],
            {},
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BLOCK", block)
        finalise(store)
    found = pq.read_table(io.BytesIO(store.read(layout.NEAR_DUPLICATES))).to_pylist()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    expected = {
        (f"{a:09d}", f"{b:09d}")
        for a in range(n)
        for b in range(a)
        if a // 3 != b // 3 and distance[a, b] < 0.05
    }
    clear = {(a, b) for a, b in expected if abs(distance[int(a), int(b)] - 0.05) > 1e-6}
    got = [(r["key"], r["duplicate_of"]) for r in found]
    assert clear <= set(got)
    assert got == sorted(set(got))
    assert all(distance[int(a), int(b)] < 0.05 + 1e-6 and a > b for a, b in got)


def test_a_changed_build_is_refused_and_every_difference_named(store):
    before = snapshot(store)
    changed = {
        "config": {"seed": 8, "images": {"size": 48, "steps": 30}},
        "config_hash": "decaf",
        "weights": {"images/unet.safetensors": "cd" * 32, "masks.safetensors": "ef" * 32},
    }
    with pytest.raises(DatasetError) as caught:
        open_build(store, changed)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "config.seed was 7, is 8",
        "config.images.steps was 24, is 30",
        f'weights.images/unet.safetensors was "{"ab" * 32}", is "{"cd" * 32}"',
        f'weights.masks.safetensors was absent, is "{"ef" * 32}"',
    ):
        assert part in message
    assert snapshot(store) == before


def test_settings_that_do_not_change_the_result_may_differ(store):
    open_build(store, BUILD | {"config": {"seed": 7, "workers": 9}})


def test_another_schema_version_is_refused(store, monkeypatch):
    monkeypatch.setattr("manifests.identity.SCHEMA_VERSION", 99)
    with pytest.raises(DatasetError, match="schema_version was 5, is 99"):
        open_build(store, BUILD)


def test_commits_without_a_build_are_refused(store):
    store.remove(layout.BUILD)
    with pytest.raises(DatasetError, match=r"has commits but no build\.json"):
        open_build(store, BUILD)


def test_nothing_committed_cannot_be_finalised(tmp_path):
    store = build_store(tmp_path / "out", shards=0)
    with pytest.raises(DatasetError, match="no shard is committed"):
        finalise(store)


def test_commits_of_two_builds_are_not_merged(store):
    commit = json.loads(store.read(layout.commit_path(1))) | {"build_hash": "0" * 64}
    store.publish(layout.commit_path(1), json.dumps(commit).encode())
    with pytest.raises(DatasetError, match="of 2 builds"):
        finalise(store)


def test_a_dataset_without_accepted_samples_finalises(tmp_path):
    store = build_store(tmp_path / "out", p_fail=1.0, p_break=0.5)
    counts = finalise(store).counts
    assert counts.accepted == 0
    assert COCO(store.path(layout.COCO)).imgs == {}


def test_who_made_it_is_told_and_another_version_may_go_on(tmp_path, monkeypatch):
    store = Store(tmp_path / "out")
    open_build(store, BUILD)
    assert read_build(store)["software"] == software()
    monkeypatch.setattr(identity, "software", lambda: {"synthorax": "9.9", "commit": ""})
    open_build(store, BUILD)
    assert read_build(store)["software"] == software()  # who began it
    write_shard(store, 0, draw_shard(0), {})
    finalise(store)
    assert json.dumps(software()["commit"]) in store.read(layout.CARD).decode()


@pytest.mark.parametrize(
    ("config", "licence", "words"),
    [({}, "other", "None is stated."), ({"licence": "cc-by-4.0"}, "cc-by-4.0", "`cc-by-4.0`, as whoever")],
)
def test_the_card_has_the_licence_that_the_config_names(tmp_path, config, licence, words):
    store = Store(tmp_path / "out")
    open_build(store, {"config": config})
    write_shard(store, 0, draw_shard(0), {})
    finalise(store)
    card = store.read(layout.CARD).decode()
    assert yaml.safe_load(card.split("---\n")[1])["license"] == licence
    assert f"## Licence\n\n{words}" in card
