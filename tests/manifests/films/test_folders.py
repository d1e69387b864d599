"""Which files of a folder are taken for radiographs, and what DICOM headers tell."""

import numpy as np
import pytest
from drawn_files import gradient, write_dicom
from PIL import Image

from manifests.errors import DatasetError
from manifests.films.files import read_original
from manifests.films.folders import find_radiographs, other_images
from manifests.films.patients import demographics
from manifests.films.views import check_frontal
from synth.demographics import UNKNOWN, Demographics


def test_radiographs_are_found_by_suffix_and_dicom_by_content(tmp_path):
    grey = Image.fromarray(gradient(70, 70, 8))
    for name in ("b.PNG", "a/c.jpeg", "a/.hidden.png", ".git/x.png", "out/films/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        grey.save(tmp_path / name, "PNG")
    write_dicom(tmp_path / "a" / "1.2.3", gradient(70, 70, 12), 12)
    write_dicom(tmp_path / "DICOMDIR", gradient(70, 70, 12), 12)
    (tmp_path / "labels.csv").write_text("image,prompt\n")
    (tmp_path / "short").write_bytes(b"DICM")
    assert find_radiographs(tmp_path, tmp_path / "out") == ["a/1.2.3", "a/c.jpeg", "b.PNG"]
    assert find_radiographs(tmp_path / "out" / "films", tmp_path / "out") == ["d.png"]
    with pytest.raises(DatasetError, match="is the folder of the radiographs itself"):
        find_radiographs(tmp_path / "out", tmp_path / "out")
    with pytest.raises(DatasetError, match="not a folder"):
        find_radiographs(tmp_path / "b.PNG", tmp_path / "out")


@pytest.mark.parametrize(
    ("tags", "who"),
    [
        ({"PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "PA"}, Demographics(63, "F", "PA")),
        ({"PatientAge": "006M", "PatientSex": "O", "ViewPosition": ""}, Demographics(0)),
        ({"PatientAge": "148Y"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_a_header_tells_age_sex_and_view(tmp_path, tags, who):
    original = read_original(write_dicom(tmp_path / "a.dcm", gradient(70, 70, 12), 12, **tags))
    assert demographics(original) == who
    check_frontal(original)


def test_a_header_that_says_lateral_is_told(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", gradient(70, 70, 12), 12, ViewPosition="LL")
    with pytest.raises(DatasetError, match="ViewPosition is LL, expected PA or AP"):
        check_frontal(read_original(path))


def test_other_files_tell_nothing_of_the_patient(tmp_path):
    Image.fromarray(np.zeros((70, 70), np.uint8)).save(tmp_path / "a.png")
    assert demographics(read_original(tmp_path / "a.png")) == UNKNOWN


def test_images_of_other_formats_are_counted_by_name(tmp_path):
    grey = Image.fromarray(gradient(70, 70, 8))
    for name in ("a.tif", "deep/b.TIFF", "c.bmp", ".d.bmp", "out/e.bmp", "out/films/f.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        grey.save(tmp_path / name)
    write_dicom(tmp_path / "DICOMDIR", gradient(70, 70, 12), 12)
    told = "4 images of other formats are not read: 1 .bmp, 1 .tif, 1 .tiff, 1 DICOMDIR"
    assert other_images(tmp_path, tmp_path / "out") == told
    assert other_images(tmp_path / "out" / "films", tmp_path / "out").endswith("1 .tif")
    with pytest.raises(DatasetError, match=rf"no PNG, JPEG or DICOM file in it \({told}\), expected"):
        find_radiographs(tmp_path, tmp_path / "out")
    grey.save(tmp_path / "a.png")
    (tmp_path / "a.tif").unlink()
    assert find_radiographs(tmp_path, tmp_path / "out") == ["a.png"]
    assert other_images(tmp_path / "deep", tmp_path / "out").startswith("1 images")
