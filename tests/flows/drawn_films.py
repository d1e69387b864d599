"""Films drawn from the shipped shape model: dark lungs in grey tissue, and the same as DICOM."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy import ndimage

from synth.images.radiographs import to_uint8
from synth.masks.anatomy import ShapeModel, rasterise
from synth.weights import SHIPPED


def drawn_film(seed: int, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A film (size, size) uint8 that the experts take for a radiograph, and its anatomy (5, H, W) bool."""
    rng = np.random.default_rng(seed)
    anatomy = rasterise(ShapeModel.load(SHIPPED / "shape").sample(rng), size)
    grey = np.full((size, size), 0.7)
    grey[anatomy[0] | anatomy[1]] = 0.25
    grey[anatomy[2]] = 0.8
    grey[anatomy[3] | anatomy[4]] += 0.12
    y, x = (np.indices((size, size)) * 256 / size).astype(float)
    for rib in range(9):
        grey += 0.1 * (np.abs(y - 20 - rib * 24 - ((x - 128) / 40) ** 2 * 3) < 4)
    grey = ndimage.gaussian_filter(grey, size / 100) + rng.normal(0, 0.02, grey.shape)
    return to_uint8(grey), anatomy


def write_dicom(path: Path, film: np.ndarray, **tags: object) -> Path:
    """A uint8 film as MONOCHROME1 of 12 bits, brighter stored as less, with further tags."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    header.Rows, header.Columns = film.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME1"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.add_new("PixelData", "OW", (4095 - film.astype(np.uint16) * 16).tobytes())
    for name, value in tags.items():
        setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)
    return path
