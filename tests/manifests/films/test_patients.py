"""Age and sex out of DICOM headers as they are written, and what is told of those that are not understood."""

import numpy as np
import pytest
from drawn_files import gradient, write_dicom
from PIL import Image

from manifests.films.files import read_original
from manifests.films.patients import demographics, not_understood
from synth.demographics import UNKNOWN, Demographics


def read(tmp_path, **tags):
    return read_original(write_dicom(tmp_path / "a.dcm", gradient(70, 70, 12), 12, **tags))


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(
    ("written", "years"),
    [
        ("058Y", 58),
        ("51", 51),
        ("051", 51),
        ("58Y", 58),
        ("58y", 58),
        ("058 Y", 58),
        ("58YR", 58),
        ("58 years old", 58),
        ("018M", 1),
        ("006M", 0),
        ("020W", 0),
        ("400D", 1),
        ("000Y", 0),
        ("", None),
    ],
)
def test_ages_as_they_are_written(tmp_path, written, years):
    original = read(tmp_path, PatientAge=written)
    assert demographics(original) == Demographics(years)
    assert not_understood(original) == ()


@pytest.mark.parametrize(
    ("written", "sex"),
    [("F", "F"), ("M", "M"), ("FEMALE", "F"), ("male", "M"), ("f", "F"), ("O", None), ("", None)],
)
def test_sexes_as_they_are_written(tmp_path, written, sex):
    original = read(tmp_path, PatientSex=written)
    assert demographics(original) == Demographics(None, sex)
    assert not_understood(original) == ()


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_is_not_understood_is_told(tmp_path):
    original = read(tmp_path, PatientAge="148Y", PatientSex="W")
    assert demographics(original) == UNKNOWN
    assert not_understood(original) == (
        "PatientAge is '148Y', expected 0 to 120 years, as 058Y: taken as unknown",
        "PatientSex is 'W', expected F, M or O: taken as unknown",
    )
    assert len(not_understood(read(tmp_path, PatientAge="5X Y"))) == 1


def test_other_files_tell_nothing_of_the_patient(tmp_path):
    Image.fromarray(np.zeros((70, 70), np.uint8)).save(tmp_path / "a.png")
    original = read_original(tmp_path / "a.png")
    assert demographics(original) == UNKNOWN
    assert not_understood(original) == ()
