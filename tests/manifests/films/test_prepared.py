"""A prepared folder: what is written is read back, and what is not whole is told."""

import numpy as np
import pytest

from manifests.errors import DatasetError
from manifests.films.prepared import TABLE, PreparedFilm, PreparedFolder, read_prepared
from manifests.members import decode_anatomy, decode_lesions, decode_png
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.demographics import Demographics
from synth.findings import ANATOMY, FINDING_NAMES

HASH = "ab" * 32


@pytest.fixture
def film():
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64), bool)
    mask[10:14, 20:28] = True
    return PreparedFilm(
        sha256=HASH,
        kind="dicom",
        image=rng.integers(0, 256, (64, 64), np.uint8),
        masks=MaskSet(rng.random((len(ANATOMY), 64, 64)) > 0.5, (Lesion("nodule", mask),)),
        prompt="Ein Rundherd – oben.",
        labelled=True,
        findings=(FindingRequest("nodule", "left", "upper"),),
        who=Demographics(50, "F", "AP"),
        probabilities={"nodule": 0.75},
        lung_score=0.875,
    )


@pytest.fixture
def folder(tmp_path):
    return PreparedFolder(tmp_path / "out")


def test_a_film_comes_back_as_it_was(folder, film, tmp_path):
    folder.write(film, None)
    refused = {"source": "b.png", "sha256": None, "error": "is empty"}
    folder.finish([{"source": "a/x.dcm", **folder.row(HASH, None)}, refused])
    (row,) = read_prepared(tmp_path / "out")
    read = {k: (tmp_path / "out" / row[k]).read_bytes() for k in ("image", "anatomy", "lesions")}
    assert np.array_equal(decode_png(read["image"]), film.image)
    assert np.array_equal(decode_anatomy(read["anatomy"]), film.masks.anatomy)
    assert np.array_equal(decode_lesions(read["lesions"]), film.masks.lesion_channels())
    assert (row["source"], row["kind"], row["size"], row["prompt"]) == ("a/x.dcm", "dicom", 64, film.prompt)
    assert row["findings"] == [{"name": "nodule", "side": "left", "zone": "upper", "severity": None}]
    assert row["instances"] == [{"finding": "nodule", "bbox": [20, 10, 8, 4], "area": 32}]
    assert (row["age"], row["sex"], row["view"]) == (50, "F", "AP")
    expected = dict.fromkeys((*FINDING_NAMES, "opacity")) | {"nodule": 0.75}
    assert row["probabilities"] == expected, "null of what is not spoken of"
    assert row["lung_score"] == 0.875


def test_many_rows_are_written_in_several_goes(folder, film, tmp_path):
    folder.write(film, None)
    row = folder.row(HASH, None)
    folder.finish({"source": f"{i:05d}.png", **row} for i in range(2500))
    assert [r["source"] for r in read_prepared(tmp_path / "out")] == [f"{i:05d}.png" for i in range(2500)]


def test_a_record_holds_for_its_label_and_while_its_pictures_stand(folder, film, tmp_path):
    assert folder.record(HASH, None) is None
    folder.write(film, {"prompt": "x"})
    assert folder.record(HASH, {"prompt": "x"})["prompt"] == film.prompt
    assert folder.record(HASH, {"prompt": "y"}) is None
    record = tmp_path / "out" / "films" / "ab" / f"{HASH}.json"
    record.write_bytes(record.read_bytes()[:100])
    assert folder.record(HASH, {"prompt": "x"}) is None
    with pytest.raises(DatasetError, match="or its pictures are gone"):
        folder.row(HASH, {"prompt": "x"})
    folder.refuse(HASH, "no lungs", None)
    assert folder.record(HASH, None) == {"sha256": HASH, "error": "no lungs"}


def test_a_folder_is_made_in_one_way(folder):
    folder.begin({"size": 256, "expert": "a"})
    folder.begin({"size": 256, "expert": "a"})
    with pytest.raises(DatasetError, match="expert is 'a', now 'b': expected the same"):
        folder.begin({"size": 256, "expert": "b"})


def test_a_table_that_is_missing_broken_or_another_is_told(folder, film, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def read():
        return list(read_prepared(tmp_path / "out"))

    with pytest.raises(DatasetError, match=r"no prepared\.parquet, expected a folder that"):
        read()
    folder.store.publish(TABLE, b"PAR1 and nothing")
    with pytest.raises(DatasetError, match="broken Parquet file"):
        read()
    pq.write_table(pa.table({"source": ["a"]}), tmp_path / "out" / TABLE)
    with pytest.raises(DatasetError, match="columns of another version"):
        read()


def test_a_write_that_fails_leaves_no_record(folder, film, monkeypatch):
    publish = folder.store.publish

    def dies(path, data):
        if path.endswith("lesions.png"):
            raise KeyboardInterrupt
        return publish(path, data)

    monkeypatch.setattr(type(folder.store), "publish", lambda self, path, data: dies(path, data))
    with pytest.raises(KeyboardInterrupt):
        folder.write(film, None)
    assert folder.record(HASH, None) is None
