"""Radiograph files for tests: grey gradients with texture, as DICOM written by pydicom itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from manifests.errors import DatasetError
from synth.errors import users_mistake

SOURCE_UID = generate_uid(entropy_srcs=["source"])
SERIES_UID = generate_uid(entropy_srcs=["series"])


def gradient(height: int, width: int, bits: int, seed: int = 0) -> np.ndarray:
    """(H, W) uint8 for 8 bits, otherwise uint16: a ramp with noise that uses the whole range."""
    rng = np.random.default_rng(seed)
    top = (1 << bits) - 1
    ramp = np.linspace(0, 1, height * width).reshape(height, width)
    grey = np.rint(np.clip(ramp + rng.normal(0, 0.05, ramp.shape), 0, 1) * top)
    return grey.astype(np.uint8 if bits == 8 else np.uint16)


def refusal(read: Callable[[Path], object], path: Path, data: bytes) -> str:
    """The one line in which ``read`` refuses a file of these bytes: the user's mistake, and of that file."""
    path.write_bytes(data)
    with pytest.raises(DatasetError) as told:
        read(path)
    line = str(told.value)
    assert users_mistake(told.value) == line
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def dicom_dataset(stored: np.ndarray, bits: int, **tags: Any) -> Dataset:
    """A computed radiograph with ``stored`` (H, W) pixels; further ``tags`` by keyword, None removes one."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID = ComputedRadiographyImageStorage, SOURCE_UID
    header.StudyInstanceUID, header.SeriesInstanceUID = generate_uid(entropy_srcs=["study"]), SERIES_UID
    header.PatientID, header.Modality, header.BodyPartExamined = "P1", "CR", "CHEST"
    header.ImageType = ["ORIGINAL", "PRIMARY", "POSTERO_ANTERIOR"]
    header.InstanceCreationDate = "20200101"
    header.Rows, header.Columns = stored.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 8 * stored.itemsize, bits, bits - 1
    header.PixelRepresentation = int(stored.dtype.kind == "i")
    data = stored.tobytes()
    header.add_new("PixelData", "OW" if stored.itemsize == 2 else "OB", data + b"\0" * (len(data) % 2))
    for name, value in tags.items():
        if value is None:
            delattr(header, name)
        else:
            setattr(header, name, value)
    return header


def write_dicom(path: Path, stored: np.ndarray, bits: int, **tags: Any) -> Path:
    """:func:`dicom_dataset` as a file."""
    dicom_dataset(stored, bits, **tags).save_as(path, enforce_file_format=True)
    return path
