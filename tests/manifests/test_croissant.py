"""``croissant.json``: what it says is the build's, and mlcroissant reads it."""

import json
import shutil

import pytest
from drawn_records import BUILD, build_store, draw_shard
from older_builds import build_older

from manifests import layout
from manifests.builds import finalise, open_build
from manifests.canonical import to_json
from manifests.index import read_index
from manifests.parts import read_rows
from manifests.shards import write_shard
from manifests.store import Store
from manifests.verify import verify


@pytest.fixture
def finished(store):
    finalise(store)
    return store


def read(store):
    return json.loads(store.read(layout.CROISSANT))


def test_it_lists_the_files_that_are_there(finished):
    found = read(finished)
    files = [d for d in found["distribution"] if d["@type"] == "cr:FileObject"]
    tars = {path for path in finished.list() if path.startswith("shards/")}
    assert {f["@id"] for f in files} == tars | set(layout.FINAL) - {layout.CROISSANT}
    for file in files:
        info = finished.info(file["contentUrl"])
        assert (file["sha256"], file["contentSize"]) == (info.sha256, f"{info.bytes} B")
    (members,) = [d for d in found["distribution"] if d["@type"] == "cr:FileSet"]
    assert {c["@id"] for c in members["containedIn"]} == tars


def test_it_says_that_it_is_synthetic_and_what_the_build_counted(finished):
    found, counts = read(finished), read_index(finished).counts
    assert found["rai:hasSyntheticData"] is True
    assert "http://mlcommons.org/croissant/1.1" in found["conformsTo"]
    assert f"{counts.accepted:,} accepted of 30 candidates" in found["description"]
    assert (
        f"filters rejected {counts.rejected}, {counts.failed} could" in found["rai:dataManipulationProtocol"]
    )
    assert found["prov:wasDerivedFrom"] == [f"images/unet.safetensors (SHA-256 {'ab' * 32})"]
    assert "no image shows a person" in found["rai:personalSensitiveInformation"][0]


def test_edited_radiographs_are_said_to_be_of_real_persons(tmp_path):
    store = Store(tmp_path / "out")
    open_build(store, {**BUILD, "config": {"edit": {"remove": ["mass"]}, "licence": "cc-by-4.0"}})
    write_shard(store, 0, draw_shard(0), {})
    finalise(store)
    found = read(store)
    assert "real persons" in found["rai:dataCollection"]
    assert found["rai:personalSensitiveInformation"][0].startswith("Health")
    assert found["license"] == "cc-by-4.0"


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("distribution", [], False),
        ("rai:hasSyntheticData", False, False),
        ("rai:dataBiases", "none at all", True),
    ],
)
def test_verify_holds_it_against_the_shards(finished, name, value, note):
    finished.publish(layout.CROISSANT, to_json({**read(finished), name: value}))
    index = json.loads(finished.read(layout.INDEX))
    info = finished.info(layout.CROISSANT)
    index["files"][layout.CROISSANT] = {"sha256": info.sha256, "bytes": info.bytes}
    finished.publish(layout.INDEX, to_json(index))
    assert [(p.path, p.note) for p in verify(finished)] == [(layout.CROISSANT, note)]


def test_an_index_of_before_does_without_and_one_of_now_does_not(tmp_path, finished):
    older = build_older(tmp_path / "older", 3)
    assert read_index(older) is None
    index = json.loads(finished.read(layout.INDEX))
    del index["files"][layout.CROISSANT]
    finished.publish(layout.INDEX, to_json({**index, "schema_version": 3}))
    assert layout.CROISSANT not in read_index(finished).files
    finished.publish(layout.INDEX, to_json(index))
    assert ["not an index" in p.what for p in verify(finished)] == [True]


def test_nothing_accepted_has_no_set_of_members(tmp_path):
    store = build_store(tmp_path / "out", p_fail=1.0, p_break=0.5)
    finalise(store)
    kinds = {d["@type"] for d in read(store)["distribution"]}
    assert (kinds, [r["name"] for r in read(store)["recordSet"]]) == ({"cr:FileObject"}, ["candidates"])


def test_mlcroissant_finds_no_error_and_reads_rows_and_pictures(finished, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    from PIL import Image

    folder = shutil.copytree(finished.path(""), tmp_path / "copy")
    dataset = mlcroissant.Dataset(str(folder / layout.CROISSANT))
    assert not dataset.metadata.ctx.issues.errors
    rows = list(dataset.records("candidates"))
    keys = [row["candidates/key"] for row in rows]
    assert [k.decode() if isinstance(k, bytes) else k for k in keys] == read_rows(finished)["key"].to_pylist()
    pictures = list(dataset.records("pictures"))
    assert len(pictures) == 3 * read_index(finished).counts.accepted
    assert all(isinstance(p["pictures/content"], Image.Image) for p in pictures)
