"""DICOM: digital radiographs that say that they are synthetic, and segmentations that highdicom reads."""

import shutil
import subprocess

import numpy as np
import pytest
from drawn_exports import accepted_rows, build_seen, exported, instance_masks
from pydicom import dcmread

from manifests.dataset import open_dataset
from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.dicom import read_dicom
from manifests.films.synthetic import encoded, synthetic_radiograph

#: What dciodvfy of 2022 says of Synthetic Data (0008,001C), which came in 2023.
UNKNOWN_TO_IT = "(0008,001c)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("highdicom", reason="highdicom is not installed")
    root = tmp_path_factory.mktemp("dicom")
    source = build_seen(root / "build")
    exported(source, root / "out", "dicom", labels="all")
    return source, root / "out"


def refusals(path):
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.startswith("Error") and UNKNOWN_TO_IT not in line]


def test_images_are_the_builds_and_say_that_they_are_synthetic(folder):
    source, out = folder
    samples = {sample.key: sample for sample in open_dataset(source.url).samples()}
    found = sorted(out.glob("*/*/image.dcm"))
    assert {path.parent.name for path in found} == set(samples)
    for path in found:
        header = dcmread(path)
        assert (header.SyntheticData, header.Modality) == ("YES", "DX")
        purpose = header.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0]
        assert purpose.CodeMeaning == "Synthesizing Equipment"
        assert (header.pixel_array == samples[path.parent.name].image).all()
    assert len({dcmread(path).SOPInstanceUID for path in found}) == len(found)


@pytest.mark.parametrize(
    ("edit", "synthetic", "words"),
    [
        ("", "YES", "shows nobody"),
        ("removed mass", "YES", "of a real person, edited"),
        ("before", "NO", "nothing in it is made by AI"),
    ],
)
def test_a_real_radiograph_of_a_pair_is_not_called_synthetic(edit, synthetic, words):
    header = synthetic_radiograph(np.zeros((64, 64), np.uint8), "ab" * 32, "000000004", edit=edit)
    assert header.SyntheticData == synthetic
    assert ("ContributingEquipmentSequence" in header) == (synthetic == "YES")
    assert words in header.DerivationDescription
    assert ("ynthetic" in str(header.PatientName)) == (not edit)


def test_highdicom_reads_each_lesion_as_it_was(folder):
    import highdicom

    source, out = folder
    rows = accepted_rows(source)
    for path in out.glob("*/*/lesions.dcm"):
        row, image = rows[path.parent.name], dcmread(path.with_name("image.dcm"))
        masks = highdicom.seg.segread(path)
        frames = masks.get_pixels_by_source_instance([image.SOPInstanceUID])[0]
        assert masks.SyntheticData == "YES"
        assert masks.StudyInstanceUID == image.StudyInstanceUID
        labels = [masks.get_segment_description(n).SegmentLabel for n in masks.segment_numbers]
        assert labels == [i["finding"].replace("_", " ") for i in row["instances"]]
        for mask, frame in zip(instance_masks(row), np.moveaxis(frames, -1, 0), strict=True):
            assert (frame.astype(bool) == mask).all()
    with_lesions = {key for key, row in rows.items() if row["instances"]}
    assert {path.parent.name for path in out.glob("*/*/lesions.dcm")} == with_lesions


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_error(folder):
    _, out = folder
    for path in sorted(out.glob("train/*/*.dcm"))[:12]:
        assert refusals(path) == [], path


def test_our_own_reader_takes_the_image(tmp_path):
    """Of a chest, one grey image, shown as stored."""
    pixels = (np.mgrid[:96, :80].sum(0) % 256).astype(np.uint8)
    for sex, view in (("F", "PA"), (None, None)):
        data = encoded(synthetic_radiograph(pixels, "a" * 64, "000000001", sex, view))
        assert data == encoded(synthetic_radiograph(pixels, "a" * 64, "000000001", sex, view))
        original = read_dicom(tmp_path / "image.dcm", data, "0" * 64, MEGAPIXELS)
        assert original.pixels.shape == pixels.shape


def test_without_highdicom_a_line_says_so(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(DatasetError, match="'dicom' needs highdicom, expected it installed"):
        exported(build_seen(tmp_path / "build", 1), tmp_path / "out", "dicom")
