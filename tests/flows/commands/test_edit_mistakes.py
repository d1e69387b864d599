"""`synthorax edit`: every mistake is one line with exit code 2, and nothing is written."""

import numpy as np
import pytest
from drawn_films import write_dicom
from editing import ADD, call, files_of, film, is_one_line, lower_lung, save

from manifests.store import Store

pytestmark = pytest.mark.usefixtures("models_read")


def test_what_cannot_be_edited_is_told_and_the_others_are(three_films, tmp_path, models_read):
    rng = np.random.default_rng(0)
    folder, out = three_films[0].parent, tmp_path / "out"
    bad = [
        save(folder / "colour.png", rng.integers(0, 256, (128, 128, 3), np.uint8)),
        folder / "gone.png",
        write_dicom(folder / "lateral.dcm", film(0)[0], ViewPosition="LL"),
        save(folder / "side.png", np.rot90(film(0)[0]).copy()),
    ]
    code, said, err = call(*bad[:2], three_films[0], *bad[2:], "--out", out, *ADD)
    assert (code, said) == (2, "")
    for line, told in zip(
        err,
        (
            f"synthorax: {bad[0]}: a colour photograph",
            f"synthorax: {bad[1]}: no such file or folder",
            f"synthorax: {bad[2]}: ViewPosition is LL, expected PA or AP",
            f"synthorax: {bad[3]}: no frontal radiograph by the anatomy experts' lung score (0.",
            f"synthorax: {out}: added consolidation right lower severe: 1 edited, 4 refused",
        ),
        strict=True,
    ):
        assert line.startswith(told)
    assert {name.split(".")[0] for name in files_of(out)} == {"a"}
    assert len(models_read) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "nothing to remove or add, expected a finding"),
        (("--add", "edema"), "'edema', expected"),
        (("--add", "mass; nodule"), "expected a name"),
        (("--remove", "cardiomegaly"), "finding: 'cardiomegaly', expected one of"),
        (("--remove", "effusion, left"), "finding: 'effusion, left', expected a name alone"),
        (("--replace", "mass", "nothing"), "'nothing', expected"),
        (
            ("--remove", "mass", "--add", "mass", "--everywhere"),
            "everywhere: with something to add, expected findings to remove alone",
        ),
        (
            ("--replace", "mass", "nodule", "--add", "mass"),
            "--replace: with --remove or --add, expected alone",
        ),
        (("--add", "mass", "--size", "100"), "size: 100, expected a multiple of 32 from 64 to 1024"),
        (("--add", "mass", "--checkpoint", "no where"), "checkpoint: no where, expected a folder"),
        (("--add", "mass", "--mask", "none.png"), "none.png: no such file or folder"),
    ],
)
def test_what_is_asked_wrongly_is_told(three_films, tmp_path, options, told):
    assert is_one_line(call(three_films[0], "--out", tmp_path / "out", *options), told)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_radiograph_is_told_before_models_are_read(tmp_path, models_read):
    colour = save(tmp_path / "colour.png", np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))
    cut = tmp_path / "cut.png"
    cut.write_bytes(save(tmp_path / "film.png", film(0)[0]).read_bytes()[:5000])
    for path, told in (
        (colour, "colour.png: a colour photograph"),
        (cut, "cut.png: damaged or truncated image"),
        (tmp_path / "gone.png", "gone.png: no such file or folder"),
        (tmp_path, "is a folder, expected a file"),
        (write_dicom(tmp_path / "l.dcm", film(0)[0], ViewPosition="RL"), "l.dcm: ViewPosition is RL"),
    ):
        assert is_one_line(call(path, "--out", tmp_path / "out", *ADD), told)
    assert models_read == []
    assert not (tmp_path / "out").exists()


def test_a_lateral_view_is_told_with_its_score(tmp_path):
    path = save(tmp_path / "side.png", np.rot90(film(0)[0]).copy())
    told = call(path, "--out", tmp_path / "out", *ADD)
    assert is_one_line(told, "side.png: no frontal radiograph by the anatomy experts' lung score (0.")
    assert files_of(tmp_path / "out") == {}


def test_a_mask_that_does_not_fit_is_told(three_films, tmp_path):
    drawn = lower_lung(0)
    corner = np.zeros_like(drawn)
    corner[:6, :6] = True
    masks = {
        "small": (drawn[128:].astype(np.uint8) * 255, "a.png: mask of 256 x 128, expected 256 x 256"),
        "grey": (film(0)[0], "grey.png: mask of"),
        "corner": (corner.astype(np.uint8), "a.png: mask outside the body"),
        "empty": (np.zeros((256, 256), np.uint8), "empty.png: mask is empty"),
    }
    for name, (pixels, told) in masks.items():
        path = save(tmp_path / f"{name}.png", pixels)
        options = ("--remove", "mass", "--mask", path)
        assert is_one_line(call(three_films[0], "--out", tmp_path / "out", *options), told)
    told = call(*three_films, "--out", tmp_path / "out", "--remove", "mass", "--mask", path)
    assert is_one_line(told, "--mask: with 3 images, expected one: a mask belongs to one image")
    assert Store(tmp_path / "out").list() in ([], [".lock"])


def test_names_that_would_meet_are_told(three_films, tmp_path):
    twin = save(tmp_path / "twin" / "a.jpg", film(1)[0])
    assert is_one_line(call(three_films[0], twin, "--out", tmp_path / "out", *ADD), "a.jpg: the same name as")
    mask = save(three_films[0].parent / "a.mask.png", lower_lung(0).astype(np.uint8))
    before = mask.read_bytes()
    told = call(three_films[0], "--out", three_films[0].parent, *ADD, "--mask", mask)
    assert is_one_line(told, "a.mask.png: would be written over")
    assert mask.read_bytes() == before


def test_a_finding_that_nobody_sees_is_told(three_films, tmp_path, monkeypatch):
    monkeypatch.setattr("flows.editing.retoucher.outlines.FAINTEST", 1.1)
    monkeypatch.setattr("flows.editing.retoucher.outlines.INSIDE", 1.1)
    told = call(three_films[0], "--out", tmp_path / "out", "--remove", "mass")
    assert is_one_line(told, "a.png: mass is seen by no expert, expected a mask of it")
