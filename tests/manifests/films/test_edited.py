import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_files import gradient, write_dicom
from PIL import Image

from manifests.errors import DatasetError
from manifests.films import edited as edited_files
from manifests.films.compositing import blend_weight
from manifests.films.edited import EditedFolder, EditedRadiograph, stem_of
from manifests.films.files import read_original
from manifests.marks import marks
from manifests.members import decode_png
from manifests.sheets.overlays import outlines
from manifests.store import Store, is_stray
from synth.cases import Lesion

ASKED = {"seed": 3, "request": {"remove": ["mass"], "replace": False}, "weights": {"a": "1", "b": "2"}}
TOLD = {"source": "a.png", "attempt": 1}
MASK = np.zeros((64, 64), bool)
MASK[20:40, 10:30] = True


@pytest.fixture
def edited(tmp_path):
    """An edit of a PNG of 16 bits that uses all that may change."""
    Image.fromarray(gradient(80, 100, 16)).save(tmp_path / "a.png")
    original = read_original(tmp_path / "a.png")
    made = EditedRadiograph(
        original,
        original.pixels,
        MASK,
        (Lesion("mass", MASK),),
        (Lesion("effusion", MASK), Lesion("nodule", MASK & False)),
        b"sheet",
    )
    return replace(made, pixels=np.where(made.changeable, original.pixels // 2, original.pixels))


def test_an_edit_is_four_files_and_a_record_of_them(edited, tmp_path):
    folder = EditedFolder(tmp_path / "out")
    folder.write(edited, "a", "removed mass", ASKED, TOLD)
    store = Store(tmp_path / "out")
    assert store.list() == ["a.edited.png", "a.json", "a.mask.png", "a.sheet.png"]
    record = json.loads(store.read("a.json"))
    assert ASKED.items() <= record.items()
    assert TOLD.items() <= record.items()
    assert record["files"] == {n: store.info(n).sha256 for n in store.list() if n != "a.json"}
    may = decode_png(store.read("a.mask.png"))
    assert may.dtype == np.uint8
    (mark,) = marks(store.read("a.mask.png"))
    assert b"/trainedAlgorithmicMedia" in mark
    assert edited.original.sha256.encode() in mark
    assert set(np.unique(may)) == {0, 255}
    assert np.array_equal(may > 0, blend_weight(MASK, (80, 100)) > 0)
    differ = read_original(tmp_path / "out" / "a.edited.png").pixels != edited.original.pixels
    counted = {"inside_mask": int(differ.sum()), "outside_mask": 0, "mask": int((may > 0).sum())}
    assert record["changed_pixels"] == {**counted, "image": 8000}
    assert store.read("a.sheet.png") == b"sheet"


def test_masks_are_those_of_the_working_image(edited, tmp_path):
    EditedFolder(tmp_path / "out").write(edited, "a", "x", ASKED, TOLD)
    masks = json.loads((tmp_path / "out" / "a.json").read_text())["masks"]
    assert masks["size"] == 64
    (removed,), (added,) = outlines(masks["removed"]), outlines(masks["added"])
    assert (removed.name, added.name) == ("mass", "effusion")
    assert np.array_equal(removed.mask, MASK)
    free = {"category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": masks["free"]}
    assert np.array_equal(outlines([free])[0].mask, MASK)


def test_dicom_stays_dicom(tmp_path):
    path = write_dicom(tmp_path / "1.2.840", gradient(80, 100, 12), 12)
    original = read_original(path)
    made = EditedRadiograph(original, original.pixels, MASK, (), (Lesion("mass", MASK),), b"")
    EditedFolder(tmp_path / "out").write(made, stem_of(path), "added mass", ASKED, TOLD)
    again = read_original(tmp_path / "out" / "1.2.840.edited.dcm")
    assert np.array_equal(again.pixels, original.pixels)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.b.png", "a.b"), ("A.DCM", "A"), ("1.2.840.1", "1.2.840.1"), ("film", "film"), ("x.jpeg", "x")],
)
def test_names(name, stem):
    assert stem_of(Path("deep") / name) == stem


def test_a_pixel_that_must_not_change_is_never_published(edited, tmp_path):
    wrong = edited.pixels.copy()
    wrong[0, 0] += 1
    with pytest.raises(RuntimeError, match="1 pixels differ outside the mask, expected none"):
        EditedFolder(tmp_path / "out").write(replace(edited, pixels=wrong), "a", "x", ASKED, TOLD)
    assert Store(tmp_path / "out").list() == []


def test_what_is_done_is_known_and_what_is_not_whole_is_not(edited, tmp_path):
    folder, out = EditedFolder(tmp_path / "out"), tmp_path / "out"
    assert not folder.is_done("a", ASKED)
    for name in ("a.edited.png", "a.mask.png", "a.sheet.png"):
        folder.write(edited, "a", "x", ASKED, TOLD)
        assert folder.is_done("a", ASKED)
        (out / name).write_bytes((out / name).read_bytes()[:-1])
        assert not folder.is_done("a", ASKED), f"{name} was cut"
        (out / name).unlink()
        assert not folder.is_done("a", ASKED), f"{name} is gone"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 4}, "seed is 3, now 4"),
        (
            {"request": {"remove": ["nodule"], "replace": False}},
            r"request.remove is \['mass'\], now \['nodule'\]",
        ),
        ({"weights": {"a": "1", "b": "9"}}, "weights.b is '2', now '9'"),
        ({"weights": {"a": "1"}}, "weights.b is '2', now None"),
    ],
)
def test_another_edit_is_not_written_over(edited, tmp_path, change, told):
    folder = EditedFolder(tmp_path / "out")
    folder.write(edited, "a", "x", ASKED, TOLD)
    with pytest.raises(DatasetError, match=f"a.json: is of another edit, {told}; expected the same"):
        folder.is_done("a", ASKED | change)


@pytest.mark.parametrize("content", ["", "no JSON", "[]", '{"files": 1}'])
def test_a_record_that_is_none_is_told(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DatasetError, match=r"a.json: is no record of an edit, expected another --out"):
        EditedFolder(tmp_path).is_done("a", ASKED)


@pytest.mark.parametrize("dies", ["a.edited.png", "a.mask.png", "a.sheet.png", "a.json"])
def test_an_edit_that_is_cut_off_is_not_done_and_leaves_whole_files(edited, tmp_path, monkeypatch, dies):
    folder, real = EditedFolder(tmp_path / "out"), edited_files.Store.publish
    folder.write(edited, "a", "x", ASKED, TOLD)
    whole = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def publish(self, path, data):
        if path == dies:
            raise KeyboardInterrupt
        return real(self, path, data)

    monkeypatch.setattr(edited_files.Store, "publish", publish)
    with pytest.raises(KeyboardInterrupt):
        folder.write(edited, "a", "x", ASKED, TOLD)
    monkeypatch.undo()
    assert not folder.is_done("a", ASKED)
    assert not any(is_stray(name) for name in folder.store.list())
    folder.write(edited, "a", "x", ASKED, TOLD)
    assert folder.is_done("a", ASKED)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == whole


def test_names_that_would_meet_are_told(tmp_path):
    folder, one = EditedFolder(tmp_path), tmp_path / "x" / "a.png"
    folder.check_apart([one, tmp_path / "x" / "b.png"], tmp_path / "x" / "a.mask.png")
    with pytest.raises(DatasetError, match=r"a.dcm: the same name as .*a.png, expected each image"):
        folder.check_apart([one, tmp_path / "y" / "a.dcm"], None)
    mask = tmp_path / "a.mask.png"
    with pytest.raises(DatasetError, match=r"a.mask.png: would be written over by the edit of .*a.png"):
        folder.check_apart([one], mask)
    with pytest.raises(DatasetError, match=r"a.mask.png: would be written over"):
        folder.check_apart([one, tmp_path / "x" / ".." / "a.mask.png"], None)
