import pytest
from drawn_files import SOURCE_UID, dicom_dataset, gradient, write_dicom
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.pixels.decoders import JPEGLSLosslessDecoder
from pydicom.uid import ComputedRadiographyImageStorage

from manifests.errors import DatasetError
from manifests.films.files import read_original
from synth.errors import users_mistake

BAD = {
    "PixelData": ({"PixelData": None}, "no PixelData"),
    "identifier": ({"SOPInstanceUID": ""}, "no SOPInstanceUID"),
    "frames": ({"NumberOfFrames": 2}, "NumberOfFrames is 2, expected 1"),
    "colour": ({"PhotometricInterpretation": "RGB"}, "PhotometricInterpretation is 'RGB', expected MONO"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "is 'PALETTE COLOR', expected MONO"),
    "depth": ({"BitsStored": 6}, "BitsStored is 6 of 16 allocated, expected 8 to 16"),
    "high bit": ({"HighBit": 15}, "HighBit is 15, expected 11"),
    "range": ({"BitsStored": 10, "HighBit": 9}, "words up to 4095, expected at most 1023"),
    "small": ({"Rows": 40}, "80 x 40 pixels, expected at least 64 x 64"),
    "short": ({"Rows": 120}, "damaged or truncated DICOM"),
    "odd rows": ({"Rows": [80, 80]}, "damaged or truncated DICOM"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_headers_are_told(tmp_path, name):
    tags, message = BAD[name]
    header = dicom_dataset(gradient(80, 80, 12), 12, **tags)
    if not header.SOPInstanceUID:
        header.file_meta.MediaStorageSOPInstanceUID = SOURCE_UID
    header.save_as(tmp_path / "bad.dcm", enforce_file_format=True)
    with pytest.raises(DatasetError, match=message) as told:
        read_original(tmp_path / "bad.dcm")
    line = users_mistake(told.value)
    assert line is not None
    assert "bad.dcm: " in line
    assert "\n" not in line


def of_another_class(name, path):
    """One of pydicom's own files, called a computed radiograph."""
    header = dcmread(get_testdata_file(name, download=False))
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    header.Modality, header.BodyPartExamined = "CR", "CHEST"
    header.save_as(path, enforce_file_format=True)
    return path


def test_a_big_endian_file_is_told(tmp_path):
    path = of_another_class("MR_small_bigendian.dcm", tmp_path / "a.dcm")
    with pytest.raises(DatasetError, match="is Explicit VR Big Endian, expected little endian"):
        read_original(path)


def test_a_transfer_syntax_that_cannot_be_decoded_is_told(tmp_path, monkeypatch):
    path = of_another_class("MR_small_jpeg_ls_lossless.dcm", tmp_path / "a.dcm")
    monkeypatch.setattr(type(JPEGLSLosslessDecoder), "is_available", False)
    with pytest.raises(DatasetError, match=r"is JPEG-LS Lossless .*, which cannot be decoded here.*`dicom`"):
        read_original(path)


def test_with_the_extra_it_can(tmp_path):
    pytest.importorskip("gdcm", reason="the extra `dicom` is not installed")
    path = of_another_class("MR_small_jpeg_ls_lossless.dcm", tmp_path / "a.dcm")
    whole = of_another_class("MR_small.dcm", tmp_path / "b.dcm")
    assert (read_original(path).pixels == read_original(whole).pixels).all()


def test_pixels_that_the_decoder_refuses_are_told(tmp_path):
    path = of_another_class("JPGExtended.dcm", tmp_path / "a.dcm")
    with pytest.raises(DatasetError, match=r"is JPEG Extended .* cannot be decoded here .*12-bit") as told:
        read_original(path)
    assert "\n" not in str(told.value)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_no_prefix_of_a_file_is_taken_for_a_file(tmp_path):
    whole = write_dicom(tmp_path / "a.dcm", gradient(80, 80, 12), 12).read_bytes()
    for length in [*range(0, 1200, 7), len(whole) - 1000, len(whole) - 1]:
        (tmp_path / "cut.dcm").write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=r"cut\.dcm: "):
            read_original(tmp_path / "cut.dcm")
