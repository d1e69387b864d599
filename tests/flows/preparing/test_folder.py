"""`synthorax prepare` with the shipped experts: what is made, what is refused, and how it goes on."""

import os
from hashlib import sha256

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawn_films import drawn_film, write_dicom
from preparing import Watched, anatomy, call, findings, rows_of, run, save, told

from flows.preparing import folder as module
from manifests.films.prepared import PREPARED_SCHEMA, PreparedFolder, read_prepared
from manifests.members import decode_anatomy, decode_lesions, decode_png
from manifests.store import Store, is_stray
from synth.findings import FINDING_NAMES
from synth.prompts.reports import parse


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    expert = Watched(anatomy())
    monkeypatch.setattr(module, "load_anatomy", lambda device: expert)
    monkeypatch.setattr(module, "load_findings", lambda device: findings())
    return expert


@pytest.fixture
def folder(tmp_path):
    """Three films in three formats."""
    out = tmp_path / "films"
    save(out / "a.png", drawn_film(0)[0])
    save(out / "deeper" / "b.jpg", drawn_film(1)[0])
    tags = {"PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "AP"}
    write_dicom(out / "deeper" / "1.2.840", drawn_film(2, 320)[0], **tags)
    return out


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_every_format_becomes_a_film_with_masks_and_a_prompt(folder, tmp_path):
    out = tmp_path / "prepared"
    code, said, err = call(folder, "--out", out)
    assert (code, told(err)) == (0, [])
    assert said == f"{out}: 3 films prepared, 0 files refused\n"
    assert pq.read_schema(out / "prepared.parquet").equals(PREPARED_SCHEMA)
    rows = rows_of(out)
    assert list(rows) == ["a.png", "deeper/1.2.840", "deeper/b.jpg"]
    for source, (seed, kind) in zip(rows, ((0, "png"), (2, "dicom"), (1, "jpeg")), strict=True):
        row = rows[source]
        assert row["sha256"] == sha256((folder / source).read_bytes()).hexdigest()
        assert (row["error"], row["kind"], row["size"], row["labelled"]) == ("", kind, 256, False)
        image, organs, lesions = ((out / row[k]).read_bytes() for k in ("image", "anatomy", "lesions"))
        assert decode_png(image).shape == (256, 256)
        assert decode_png(image).dtype == np.uint8
        assert decode_png(lesions).dtype in (np.uint16, np.int32)
        for found, drawn in zip(decode_anatomy(organs)[:2], drawn_film(seed)[1], strict=False):
            assert dice(found, drawn) > 0.75
        masks = decode_lesions(lesions)
        boxed = {i["finding"] for i in row["instances"]}
        assert boxed == {n for n, mask in zip(FINDING_NAMES, masks, strict=True) if mask.any()}
        assert boxed <= {f["name"] for f in row["findings"]}
        for name in {f["name"] for f in row["findings"]}:
            assert row["probabilities"][name] >= 0.5
        read = parse(row["prompt"])
        assert {f.name for f in read.findings} == {f["name"] for f in row["findings"]}
        assert row["lung_score"] >= 0.75
    told_by_header = parse(rows["deeper/1.2.840"]["prompt"])
    assert (told_by_header.age, told_by_header.sex, told_by_header.view) == (63, "F", "AP")


def test_a_film_is_the_same_whatever_file_held_it(tmp_path):
    film, _ = drawn_film(0)
    save(tmp_path / "films" / "a.png", film)
    write_dicom(tmp_path / "films" / "b.dcm", film)
    run(tmp_path / "films", tmp_path / "out")
    png, dicom = (
        decode_png((tmp_path / "out" / row["image"]).read_bytes()).astype(float)
        for row in rows_of(tmp_path / "out").values()
    )
    assert np.abs(png - dicom).mean() < 1
    assert np.percentile(png[20:236, 20:236], 50) == pytest.approx(0.52 * 255, abs=2), (
        "exposure is normalised"
    )


def test_what_is_no_radiograph_is_told_and_does_not_stop_the_run(folder, tmp_path):
    rng = np.random.default_rng(0)
    film = drawn_film(0)[0]
    save(folder / "colour.png", rng.integers(0, 256, (128, 128, 3), np.uint8))
    (folder / "cut.jpg").write_bytes((folder / "deeper" / "b.jpg").read_bytes()[:2000])
    write_dicom(folder / "lateral.dcm", film, ViewPosition="LL")
    save(folder / "noise.png", rng.integers(0, 256, (128, 128), np.uint8))
    save(folder / "on_its_side.png", np.rot90(film).copy())
    (folder / "twice.png").write_bytes((folder / "a.png").read_bytes())
    odd = os.fsencode(folder) + b"/\xff.png"
    with open(odd, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b"no image")
    (folder / "notes.txt").write_text("not looked at")
    code, said, err = call(folder, "--out", folder / "prepared")
    assert code == 0
    assert "3 films prepared, 7 files refused" in said
    expected = {
        "colour.png": "a colour photograph",
        "cut.jpg": "damaged or truncated",
        "lateral.dcm": "ViewPosition is LL, expected PA or AP",
        "noise.png": "no frontal radiograph by the anatomy experts' lung score",
        "on_its_side.png": "no frontal radiograph by the anatomy experts' lung score",
        "twice.png": "the same file as a.png",
        "\\udcff.png": "is no image, expected PNG, JPEG or DICOM",
    }
    lines, rows = sorted(told(err)), rows_of(folder / "prepared")
    assert len(lines) == len(expected)
    for source, error in expected.items():
        (line,) = (told for told in lines if told.startswith(f"{source}: "))
        assert error in line
        assert rows[source]["error"] == line.removeprefix(f"{source}: ")
        assert rows[source]["image"] is None
    assert [row["source"] for row in read_prepared(folder / "prepared")] == [
        "a.png",
        "deeper/1.2.840",
        "deeper/b.jpg",
    ]
    assert (
        "3 films prepared (3 of them earlier), 7 files refused"
        in call(folder, "--out", folder / "prepared")[1]
    )


def test_an_interrupted_run_goes_on_to_the_same_bytes(folder, tmp_path, monkeypatch, watched):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(folder, whole)
    publish, calls = Store.writer, iter(range(100))

    def dies(self, path, *options):
        if path.endswith("anatomy.png") and next(calls) == 2:
            raise KeyboardInterrupt
        return publish(self, path, *options)

    monkeypatch.setattr(Store, "writer", dies)
    code, _, err = call(folder, "--out", cut)
    assert code == 130, err
    assert "interrupted" in err
    assert not (cut / "prepared.parquet").exists()
    monkeypatch.setattr(Store, "writer", publish)
    watched.seen = 0
    done = run(folder, cut)
    assert (done.prepared, done.earlier, watched.seen) == (3, 2, 2), "a film, and its negative"
    names = Store(whole).list()
    assert names == Store(cut).list()
    for name in names:
        if name != ".lock":
            assert (whole / name).read_bytes() == (cut / name).read_bytes(), name
    assert not any(is_stray(name) for name in Store(cut).list())


def test_only_what_changed_is_made_again(folder, tmp_path, watched):
    out = tmp_path / "out"
    run(folder, out)
    before = rows_of(out)
    save(folder / "a.png", drawn_film(5)[0])
    save(folder / "new.png", drawn_film(3)[0])
    watched.seen = 0
    assert run(folder, out).earlier == 2
    assert watched.seen == 2 * 2, "each film and its negative"
    after = rows_of(out)
    assert after["a.png"]["sha256"] != before["a.png"]["sha256"]
    assert after["deeper/b.jpg"] == before["deeper/b.jpg"]
    (out / after["a.png"]["anatomy"]).unlink()
    watched.seen = 0
    run(folder, out)
    assert watched.seen == 2, "a film with a picture missing is made again"


def test_a_folder_that_is_gone_over_again_is_not_done_meanwhile(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(folder, out)

    def dies(self, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(PreparedFolder, "finish", dies)
    with pytest.raises(KeyboardInterrupt):
        run(folder, out)
    with pytest.raises(ValueError, match="expected a folder that `synthorax prepare` has finished"):
        next(read_prepared(out))


LABELS = """image,prompt,findings,age,sex,view
a.png,Left effusion.,effusion left,70,M,PA
./deeper/b.jpg,Chest film of a 50-year-old woman with a nodule in the right upper zone.,,,,
gone.png,Normal chest.,none,,,
"""


def test_labels_say_what_is_there_and_where_to_look(folder, tmp_path, watched):
    labels, out = tmp_path / "labels.csv", tmp_path / "out"
    labels.write_text(LABELS)
    code, said, err = call(folder, "--out", out, "--labels", labels)
    assert code == 0
    assert "2 films prepared, 1 files refused" in said
    assert "1 of 3 images are not in the folder, e.g. gone.png" in err
    assert "deeper/1.2.840: no row in the labels" in err
    rows = rows_of(out)
    first, second = rows["a.png"], rows["deeper/b.jpg"]
    assert (first["prompt"], first["labelled"]) == ("Left effusion.", True)
    assert (first["age"], first["sex"], first["view"]) == (70, "M", "PA")
    assert first["findings"] == [{"name": "effusion", "side": "left", "zone": None, "severity": None}]
    assert all(i["finding"] == "effusion" and i["bbox"][0] > 100 for i in first["instances"])
    assert (second["age"], second["sex"]) == (50, "F")
    assert [(f["name"], f["side"], f["zone"]) for f in second["findings"]] == [("nodule", "right", "upper")]
    labels.write_text(LABELS.replace("effusion left", "cardiomegaly"))
    watched.seen = 0
    assert run(folder, out, labels).earlier == 1
    assert watched.seen == 2, "another label makes that film again, and no other"
    (heart,) = rows_of(out)["a.png"]["findings"]
    assert heart["name"] == "cardiomegaly"
