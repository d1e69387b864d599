"""A film, or a mask, is refused by what it says of its size before any of it is decoded."""

import os

import pytest
from drawn_files import gradient, write_dicom
from PIL import Image
from swollen_films import inflating, picture, png_of, readings, swollen

from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.files import read_original
from manifests.films.masks import read_mask

TOLD = {
    "a.png": "60000 x 60000 pixels (3,600 megapixels), expected at most 100 megapixels",
    "colour.png": "60000 x 60000 pixels (3,600 megapixels)",
    "deep.png": "60000 x 60000 pixels (3,600 megapixels)",
    "a.jpg": "60000 x 60000 pixels (3,600 megapixels)",
    "inflating.dcm": "inflates to more than 445 MiB, expected at most that of 100 megapixels",
    "items.dcm": "more than 100000 items of sequences",
    "elements.dcm": "a header of too many elements",
    "runs.dcm": "an RLE segment of more than 6400 bytes, expected one for each pixel",
    "codestream.dcm": "its codestream is of 60000 x 60000 pixels of 1 samples, expected 80 x 80 of 1",
    "codestream2000.dcm": "its codestream is of 60000 x 60000 pixels",
    "samples2000.dcm": "its codestream is of 80 x 80 pixels of 16000 samples",
    "boxed2000.dcm": "its codestream is of 9000 x 9000 pixels",
    "frames.dcm": "NumberOfFrames is 2000000000, expected 1",
    "samples.dcm": "PhotometricInterpretation is 'MONOCHROME2' of 65535 samples, expected",
    "bits.dcm": "BitsStored is 8 of 64 allocated, expected 8 to 16 of 8 or 16",
}
#: What reading may take beside the interpreter and its libraries.
MEMORY, SECONDS = 1200, 5


def test_nothing_that_a_small_file_promises_is_believed(tmp_path):
    for name, data in swollen().items():
        (tmp_path / name).write_bytes(data)
    found = readings(tmp_path)
    assert found.keys() == swollen().keys()
    for name, (told, seconds, most) in found.items():
        assert TOLD.get(name, "60000 x 60000 pixels (3,600 megapixels), expected at most 100") in told, name
        assert seconds < SECONDS, name
        assert most < MEMORY, name


def test_the_bound_is_the_users(tmp_path):
    film = write_dicom(tmp_path / "a.dcm", gradient(1000, 1001, 12), 12)
    (tmp_path / "a.png").write_bytes(picture("PNG", gradient(1000, 1001, 8)))
    (tmp_path / "a.jpg").write_bytes(picture("JPEG", gradient(1000, 1001, 8)))
    for path in (film, tmp_path / "a.png", tmp_path / "a.jpg"):
        assert read_original(path, 2).pixels.shape == (1000, 1001)
        with pytest.raises(DatasetError, match=r"1001 x 1000 pixels \(1 megapixels\), expected at most 1 "):
            read_original(path, 1)
    (tmp_path / "mask.png").write_bytes(picture("PNG", (gradient(1000, 1001, 8) > 90).view("u1")))
    assert read_mask(tmp_path / "mask.png", 2).pixels.any()
    with pytest.raises(DatasetError, match=r"mask\.png: 1001 x 1000 pixels"):
        read_mask(tmp_path / "mask.png", 1)


def test_pillows_own_bound_is_not_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    assert read_original(tmp_path / "a.png").pixels.shape == (80, 80)


def test_a_mask_is_held_to_it_too(tmp_path):
    (tmp_path / "mask.png").write_bytes(png_of(60_000, 60_000))
    ((told, _, most),) = readings(tmp_path, "mask").values()
    assert "60000 x 60000 pixels (3,600 megapixels), expected at most 100 megapixels" in told
    assert most < MEMORY


def test_a_deflated_film_is_read_as_if_it_were_not(tmp_path):
    (tmp_path / "a.dcm").write_bytes(inflating(0))
    whole = write_dicom(tmp_path / "b.dcm", gradient(80, 80, 8), 8)
    assert (read_original(tmp_path / "a.dcm").pixels == read_original(whole).pixels).all()


def test_a_file_without_end_and_one_that_is_too_long_are_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(DatasetError, match="is no regular file, expected a PNG, JPEG or DICOM image"):
            read_original(type(tmp_path)(path))
    long = tmp_path / "long.png"
    with long.open("wb") as file:
        file.truncate((4 * MEGAPIXELS * 10**6) + (65 << 20))
    with pytest.raises(DatasetError, match=r"long\.png: 446 MiB, expected at most 445 of 100 megapixels"):
        read_original(long)
