"""`synthorax prepare` where the user is mistaken: one line, exit code 2, nothing half-written."""

import numpy as np
import pytest
from drawn_films import drawn_film
from preparing import Watched, anatomy, call, findings, save, told

from flows.preparing import folder as module


@pytest.fixture(autouse=True)
def experts(monkeypatch):
    monkeypatch.setattr(module, "load_anatomy", lambda device: Watched(anatomy()))
    monkeypatch.setattr(module, "load_findings", lambda device: findings())


@pytest.fixture
def folder(tmp_path):
    """One film."""
    save(tmp_path / "films" / "a.png", drawn_film(0)[0])
    return tmp_path / "films"


def test_no_film_of_two_sizes_in_one_folder(folder, tmp_path):
    out = tmp_path / "out"
    assert call(folder, "--out", out)[0] == 0
    code, _, err = call(folder, "--out", out, "--size", 128)
    assert code == 2
    assert "size is 256, now 128: expected the same as before" in err
    assert len(told(err)) == 1
    assert (out / "prepared.parquet").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt\nNormal chest.\n", "no image, expected a column 'image'"),
        ("image,prompt\na.png,Normal.\n./a.png,Effusion.\n", "image 'a.png' again, expected one row"),
        ("image,prompt\nb/c.png,Normal.\n", "image 'b/c.png' is not in the folder, nor is any other"),
    ],
)
def test_bad_labels_are_told_in_one_line(folder, tmp_path, text, message):
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    code, _, err = call(folder, "--out", tmp_path / "out", "--labels", labels)
    assert code == 2
    assert len(told(err)) == 1
    assert message in err
    assert not (tmp_path / "out").exists()


def test_images_of_other_formats_are_counted(folder, tmp_path):
    save(folder / "b.tif", drawn_film(1)[0])
    save(folder / "deep" / "c.bmp", drawn_film(1)[0])
    code, said, err = call(folder, "--out", tmp_path / "out")
    assert code == 0
    assert "1 films prepared" in said
    assert "2 images of other formats are not read: 1 .bmp, 1 .tif" in err


def test_nothing_to_prepare_is_the_users_mistake(tmp_path):
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    for arguments, message in (
        ((empty,), "no PNG, JPEG or DICOM file in it, expected radiographs"),
        ((tmp_path / "nowhere",), "not a folder, expected one with radiographs"),
        ((empty, "--size", 250), "size: 250, expected a multiple of 64 from 64 to 1024"),
    ):
        code, _, err = call(*arguments, "--out", out)
        assert (code, len(told(err))) == (2, 1)
        assert message in err
        assert not out.exists()
    save(empty / "noise.png", np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8))
    code, _, err = call(empty, "--out", out)
    assert code == 2
    assert "0 films prepared, 1 files refused" in err
