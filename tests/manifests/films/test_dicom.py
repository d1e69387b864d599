import io
import pickle

import numpy as np
import pydicom
import pytest
from drawn_files import SERIES_UID, SOURCE_UID, dicom_dataset, gradient, write_dicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from manifests.films.files import read_original, restore, working_image, write_edited


def written(original, path, pixels=None, description="effusion removed"):
    write_edited(original, original.pixels if pixels is None else pixels, path, description)
    return pydicom.dcmread(path)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", [(80, 97), (97, 65)])
def test_pixels_come_back(tmp_path, bits, photometric, shape):
    stored = gradient(*shape, bits)
    path = write_dicom(tmp_path / "a.dcm", stored, bits, PhotometricInterpretation=photometric)
    original = read_original(path)
    top = (1 << bits) - 1
    assert (original.kind, original.bits, original.pixels.dtype) == ("dicom", bits, stored.dtype)
    assert np.array_equal(original.pixels, top - stored if photometric == "MONOCHROME1" else stored)
    copy = written(original, tmp_path / "b.dcm")
    assert np.array_equal(copy.pixel_array, stored)
    assert (copy.BitsStored, copy.HighBit, copy.PhotometricInterpretation) == (bits, bits - 1, photometric)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_an_edit_changes_stored_pixels_in_the_mask_alone(tmp_path, photometric):
    stored = gradient(120, 90, 12)
    path = write_dicom(tmp_path / "a.dcm", stored, 12, PhotometricInterpretation=photometric)
    original = read_original(path)
    mask = np.zeros((64, 64), bool)
    mask[20:30, 20:30] = True
    brighter = np.clip(working_image(original, 64) + 0.2 * mask, 0, 1)
    after = written(original, tmp_path / "b.dcm", restore(original, brighter, mask)).pixel_array
    changed = after != stored
    assert changed[40:54, 30:40].mean() > 0.9
    assert not changed[:34].any()
    assert not changed[60:].any()
    denser = after.astype(int)[changed] < stored[changed]
    assert denser.all() if photometric == "MONOCHROME1" else not denser.any()


def test_signed_pixels(tmp_path):
    stored = gradient(70, 70, 12).astype(np.int16) - 2048
    original = read_original(write_dicom(tmp_path / "a.dcm", stored, 12))
    assert np.array_equal(original.pixels, (stored + 2048).astype(np.uint16))
    assert np.array_equal(written(original, tmp_path / "b.dcm").pixel_array, stored)


def test_eight_bits_in_sixteen_allocated_and_an_odd_length(tmp_path):
    wide = gradient(67, 65, 8).astype(np.uint16)
    original = read_original(write_dicom(tmp_path / "a.dcm", wide, 8))
    assert original.pixels.dtype == np.uint8
    copy = written(original, tmp_path / "b.dcm")
    assert copy.BitsAllocated == 16
    assert np.array_equal(copy.pixel_array, wide)
    odd = gradient(67, 65, 8)
    original = read_original(write_dicom(tmp_path / "c.dcm", odd, 8))
    assert np.array_equal(written(original, tmp_path / "d.dcm").pixel_array, odd)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("slope", [1, 2, -1])
def test_a_window_is_a_view_and_is_not_baked_in(tmp_path, inverted, slope):
    stored = gradient(80, 80, 12)
    values = stored.astype(float) * slope + 100
    centre, width = float(np.median(values)), 1000.0
    tags = {"WindowCenter": [centre, 1], "WindowWidth": [width, 1]}
    tags |= {"RescaleSlope": slope, "RescaleIntercept": 100}
    tags |= {"PhotometricInterpretation": "MONOCHROME1" if inverted else "MONOCHROME2"}
    original = read_original(write_dicom(tmp_path / "a.dcm", stored, 12, **tags))
    shown = np.clip((values - centre) / width + 0.5, 0, 1)
    assert working_image(original, 80) == pytest.approx(1 - shown if inverted else shown, abs=1e-4)
    assert len(np.unique(original.pixels)) == len(np.unique(stored))
    copy = written(original, tmp_path / "b.dcm")
    assert copy.WindowCenter == [centre, 1]
    assert np.array_equal(copy.pixel_array, stored)


@pytest.mark.parametrize(("centre", "width"), [(0, 0), (90000, 10), ("", ""), (-500, 3)])
def test_a_window_that_shows_nothing_is_not_taken(tmp_path, centre, width):
    path = write_dicom(tmp_path / "a.dcm", gradient(80, 80, 12), 12, WindowCenter=centre, WindowWidth=width)
    view = working_image(read_original(path), 80)
    assert view.min() == 0
    assert view.max() == 1
    assert 0.3 < view.mean() < 0.7


def test_padding_does_not_decide_how_bright_the_chest_is(tmp_path):
    stored = gradient(80, 80, 10)
    stored[:, :20] = 4095
    original = read_original(write_dicom(tmp_path / "a.dcm", stored, 12, PixelPaddingValue=4095))
    assert original.window[1] < 1100


def test_the_copy_says_what_it_is(tmp_path):
    equipment = Dataset()
    equipment.Manufacturer = "Scanner"
    icon = {"IconImageSequence": [Dataset()], "LargestImagePixelValue": 4095}
    tags = {"ContributingEquipmentSequence": [equipment], **icon}
    original = read_original(write_dicom(tmp_path / "a.dcm", gradient(80, 80, 12), 12, **tags))
    copy = written(original, tmp_path / "b.dcm", description="effusion,\nleft – removed")
    assert copy.ImageType == ["DERIVED", "SECONDARY", "POSTERO_ANTERIOR"]
    assert copy.DerivationDescription == "Synthetic: edited by synthorax. effusion, left ? removed"
    assert copy.SyntheticData == "YES"
    assert copy.SeriesDescription.startswith("SYNTHETIC")
    assert copy.SourceImageSequence[0].ReferencedSOPInstanceUID == SOURCE_UID
    assert copy.SourceImageSequence[0].ReferencedSOPClassUID == copy.SOPClassUID
    assert [e.Manufacturer for e in copy.ContributingEquipmentSequence] == ["Scanner", "synthorax"]
    assert copy.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
    assert (copy.PatientID, copy.StudyInstanceUID) == ("P1", original.header.StudyInstanceUID)
    for gone in ("IconImageSequence", "LargestImagePixelValue", "InstanceCreationDate"):
        assert gone not in copy
    assert original.header.SOPInstanceUID == SOURCE_UID
    assert "IconImageSequence" in original.header


def test_uids_are_new_and_repeatable(tmp_path):
    original = read_original(write_dicom(tmp_path / "a.dcm", gradient(80, 80, 12), 12))
    other = original.pixels.copy()
    other[3, 3] ^= 1
    one = written(original, tmp_path / "1.dcm")
    again = written(pickle.loads(pickle.dumps(original)), tmp_path / "2.dcm")
    edit = written(original, tmp_path / "3.dcm", other)
    words = written(original, tmp_path / "4.dcm", description="effusion added")
    assert (tmp_path / "1.dcm").read_bytes() == (tmp_path / "2.dcm").read_bytes()
    assert one.SOPInstanceUID == again.SOPInstanceUID
    assert len({SOURCE_UID, *(d.SOPInstanceUID for d in (one, edit, words))}) == 4
    assert {d.SeriesInstanceUID for d in (one, edit, words)} == {one.SeriesInstanceUID}
    assert one.SeriesInstanceUID != SERIES_UID


def test_an_edited_copy_can_be_edited_again(tmp_path):
    original = read_original(write_dicom(tmp_path / "a.dcm", gradient(80, 80, 12), 12))
    first = written(original, tmp_path / "b.dcm")
    second = written(read_original(tmp_path / "b.dcm"), tmp_path / "c.dcm")
    assert second.SourceImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.SOPInstanceUID != first.SOPInstanceUID


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_other_transfer_syntaxes_become_explicit(tmp_path, syntax):
    stored = gradient(80, 80, 12)
    source = dicom_dataset(stored, 12)
    if syntax == RLELossless:
        source.compress(RLELossless, generate_instance_uid=False)
    else:
        source.file_meta.TransferSyntaxUID = syntax
    source.private_block(0x0099, "MAKER", create=True).add_new(1, "LO", "kept")
    source.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    copy = written(read_original(tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert copy.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(copy.pixel_array, stored)
    assert bytes(str(copy[0x0099, 0x1001].value), "ascii").count(b"kept") == 1


@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_values_that_break_the_standard_are_handed_on(tmp_path, monkeypatch, syntax):
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.IGNORE)
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
    bad = {"StudyDate": "2020-1-1", "AccessionNumber": "x" * 40, "FrameOfReferenceUID": "1.02.3"}
    source = dicom_dataset(gradient(80, 80, 12), 12, **bad)
    source.file_meta.TransferSyntaxUID = syntax
    source.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    monkeypatch.undo()
    copy = written(read_original(tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert {name: copy.get(name) for name in bad} == bad


def test_a_lossy_source_stays_said_to_be_lossy(tmp_path):
    jpeg = io.BytesIO()
    Image.fromarray(gradient(80, 80, 8)).save(jpeg, "JPEG")
    source = dicom_dataset(gradient(80, 80, 8), 8)
    source.PixelData = encapsulate([jpeg.getvalue()])
    source["PixelData"].is_undefined_length = True
    source.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    source.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    original = read_original(tmp_path / "a.dcm")
    assert np.array_equal(original.pixels, np.asarray(Image.open(jpeg)))
    copy = written(original, tmp_path / "b.dcm")
    assert copy.LossyImageCompression == "01"
    assert np.array_equal(copy.pixel_array, original.pixels)
