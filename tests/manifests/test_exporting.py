"""One export from beginning to end: interrupted and gone on with, refused, hostile, remote, grown."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from drawn_exports import EVERY_FORMAT, build_seen, exported, seen
from drawn_records import BUILD, draw_record, snapshot

from manifests import layout
from manifests.builds import finalise
from manifests.errors import DatasetError
from manifests.exporting import run
from manifests.exporting.folder import BEGUN, DONE
from manifests.exporting.settings import ExportSettings
from manifests.exports.registry import find_format
from manifests.identity import open_build
from manifests.shards import write_shard
from manifests.store import Store


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"))


def outside(folder):
    """All that lies beside a folder."""
    return sorted(p for p in folder.parent.rglob("*") if folder not in (p, *p.parents))


@pytest.mark.parametrize("form", EVERY_FORMAT)
def test_the_same_build_gives_the_same_bytes_locally_and_elsewhere(source, tmp_path, form):
    exported(source, tmp_path / "one", form)
    exported(source, "memory://two", form)
    local = snapshot(Store(tmp_path / "one"))
    del local[".lock"]
    assert local == snapshot(Store("memory://two"))


@pytest.mark.parametrize("form", EVERY_FORMAT)
def test_an_interrupted_export_goes_on_to_the_same_bytes(source, tmp_path, form, monkeypatch):
    exported(source, tmp_path / "whole", form)
    publish, left = Store.publish, 9

    def interrupted(self, path, data, lasting=True):
        nonlocal left
        if not (left := left - 1):
            raise KeyboardInterrupt
        return publish(self, path, data, lasting)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            exported(source, tmp_path / "part", form)
    assert not (tmp_path / "part" / DONE).exists()
    exported(source, tmp_path / "part", form)
    assert snapshot(Store(tmp_path / "part")) == snapshot(Store(tmp_path / "whole"))


def test_what_stands_is_not_written_again(source, tmp_path, monkeypatch):
    exported(source, tmp_path / "out", "coco")
    (gone,) = list((tmp_path / "out/images/test").iterdir())[:1]
    gone.unlink()
    written = []
    put = Store.publish
    monkeypatch.setattr(
        Store, "publish", lambda s, path, *a, **k: (written.append(path), put(s, path, *a, **k))[1]
    )
    exported(source, tmp_path / "out", "coco")
    assert gone.is_file()
    shard = int(gone.stem) // 12
    notes = [path for path in written if path.startswith(".export/")]
    assert notes == [f".export/{shard:06d}.jsonl"]


def test_a_folder_of_something_else_is_refused_and_left_alone(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("mine")
    with pytest.raises(
        DatasetError, match=r"holds 'thesis.tex' but no \.export/begun\.json, expected an empty"
    ):
        exported(source, tmp_path / "out", "coco")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"thesis.tex"}
    with pytest.raises(DatasetError, match=r"holds 'build.json'"):
        exported(source, source.url, "coco")


def test_another_export_in_the_folder_is_refused_by_name(source, tmp_path):
    exported(source, tmp_path / "out", "coco")
    before = snapshot(Store(tmp_path / "out"))
    for settings, field in (
        ({"masks": "polygons"}, "masks was 'rle', is 'polygons'"),
        ({"val": 20}, "val was 10"),
    ):
        with pytest.raises(DatasetError, match=re.escape(field)):
            exported(source, tmp_path / "out", "coco", **settings)
    with pytest.raises(DatasetError, match="format was 'coco', is 'yolo'"):
        exported(source, tmp_path / "out", "yolo", masks="polygons")
    assert snapshot(Store(tmp_path / "out")) == before


@pytest.mark.parametrize(
    ("form", "settings", "message"),
    [
        ("coco", {"masks": "boxes"}, "masks: 'boxes' of coco, expected one of rle, polygons"),
        ("hf", {"masks": "rle"}, "masks: 'rle' of hf, expected none"),
        ("nnunet", {"channels": 3}, "channels: 3 of nnunet, expected 1"),
        ("coco", {"labels": "some"}, "labels: 'some', expected seen or all"),
        ("coco", {"val": 7}, "val: 7, expected percent, a multiple of 5"),
        ("coco", {"val": 50, "test": 50}, "val and test: 50 and 50 percent, expected at most 90"),
    ],
)
def test_a_choice_that_is_none_is_told(source, tmp_path, form, settings, message):
    with pytest.raises(DatasetError, match=message):
        exported(source, tmp_path / "out", form, **settings)
    assert not (tmp_path / "out").exists()


def test_a_build_whose_lesions_nobody_looked_at_is_told(tmp_path):
    def unjudged(record):
        return replace(
            seen(record), verdicts=tuple(v for v in record.verdicts if v.filter != "lesion_agreement")
        )

    source = build_seen(tmp_path / "build", 1, change=lambda r: r if r.status != "accepted" else unjudged(r))
    with pytest.raises(DatasetError, match=r"nobody was asked which lesions are seen.*--labels all"):
        exported(source, tmp_path / "out", "coco")
    exported(source, tmp_path / "all", "coco", labels="all")


def test_no_format_of_another_name(source):
    with pytest.raises(DatasetError, match="format: 'voc', expected one of coco, yolo"):
        find_format("voc")


def test_a_grown_build_adds_and_moves_nothing(tmp_path):
    source = build_seen(tmp_path / "build", shards=2)
    exported(source, tmp_path / "out", "coco")
    before = snapshot(Store(tmp_path / "out"))
    write_shard(source, 2, [seen(draw_record(i, p_fail=0.02)) for i in range(24, 36)], {"batch_size": 8})
    exported(source, tmp_path / "out", "coco")
    after = snapshot(Store(tmp_path / "out"))
    kept = {path: digest for path, digest in before.items() if path.startswith(("images/", ".export/0"))}
    assert kept.items() <= after.items()
    exported(source, tmp_path / "fresh", "coco")
    assert snapshot(Store(tmp_path / "fresh")) == after


def test_a_finalised_build_is_exported_alike(tmp_path):
    source = build_seen(tmp_path / "build")
    exported(source, tmp_path / "going", "coco")
    finalise(source)
    exported(source, tmp_path / "done", "coco")
    assert snapshot(Store(tmp_path / "going")) == snapshot(Store(tmp_path / "done"))


@pytest.mark.parametrize("form", EVERY_FORMAT)
@pytest.mark.parametrize(
    "name", ["../../climbed.png", "0000000.0.png", "000000000/../../x.png", "/tmp/x.png"]
)
def test_tars_with_names_that_climb_write_nothing_outside(tmp_path, form, name):
    import io
    import tarfile
    from hashlib import sha256

    source = build_seen(tmp_path / "build", 1)
    out = tmp_path / "deep/er/out"
    out.parent.mkdir(parents=True)
    tar, out_tar = io.BytesIO(source.read(layout.tar_path(0))), io.BytesIO()
    with tarfile.open(fileobj=tar) as old, tarfile.open(fileobj=out_tar, mode="w") as new:
        for number, entry in enumerate(old):
            data = old.extractfile(entry).read()
            entry.name = name if not number else entry.name
            new.addfile(entry, io.BytesIO(data))
    path = tmp_path / "build" / layout.tar_path(0)
    path.write_bytes(out_tar.getvalue())
    commit = json.loads(source.read(layout.commit_path(0)))
    commit["files"][layout.tar_path(0)] |= {
        "bytes": path.stat().st_size,
        "sha256": sha256(path.read_bytes()).hexdigest(),
    }
    source.publish(layout.commit_path(0), json.dumps(commit).encode())
    before = outside(out)
    with pytest.raises(DatasetError, match=r"broken tar|expected members"):
        exported(source, out, form)
    assert outside(out) == before


def test_rows_with_keys_that_climb_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for number, key in enumerate(["../climbed", "00000.000", "0000000000"]):
        source = build_seen(tmp_path / f"build{number}", 1)
        path = tmp_path / f"build{number}" / layout.part_path(0)
        table = pq.read_table(path)
        keys = pa.array([key, *table["key"].to_pylist()[1:]])
        pq.write_table(table.set_column(0, table.schema.field(0), keys), path)
        before = outside(tmp_path / "out")
        with pytest.raises(DatasetError, match=r"key is .* expected 9 digits"):
            exported(source, tmp_path / "out", "coco")
        assert outside(tmp_path / "out") == before
        shutil.rmtree(tmp_path / f"build{number}")


def test_links_in_the_folder_lead_nowhere(source, tmp_path):
    exported(source, tmp_path / "out", "coco")
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(tmp_path / "out/images/train")
    (tmp_path / "out/images/train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="link out of the folder"):
        exported(source, tmp_path / "out", "coco")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_nothing_accepted_is_told(tmp_path):
    store = Store(tmp_path / "build")
    open_build(store, BUILD)
    with pytest.raises(DatasetError, match="no sample is accepted yet"):
        exported(store, tmp_path / "out", "coco")


def test_progress_ends_at_all_that_is_accepted(source, tmp_path):
    told = []
    form = find_format("coco")
    run.export(source, Store(tmp_path / "out"), form, ExportSettings(), lambda *counts: told.append(counts))
    done, total = told[-1]
    assert done == total > 0
    assert (tmp_path / "out" / BEGUN).is_file()


def test_a_film_whose_text_was_not_understood_whole_teaches_no_absence(tmp_path):
    source = build_seen(tmp_path / "build", incomplete=("000000000", "000000001"))
    seen = exported(source, tmp_path / "seen", "coco")
    assert seen.left_out == {"text not understood whole": 2}
    assert not list((tmp_path / "seen").rglob("000000000.png"))
    every = exported(source, tmp_path / "all", "coco", labels="all")
    assert every.left_out == {}
    assert sum(every.films.values()) == sum(seen.films.values()) + 2
