"""Films with one or a few changes to their bytes, or to what their headers say, drawn from a seed."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from drawn_films import drawn_film
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

Rng = np.random.Generator
SIDE = 256
#: Numbers that headers are made to say.
NUMBERS = (0, 1, 7, 63, 64, 255, 256, 257, 4096, 9999, 32767, 60000, 65535)
_TAGS = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("NumberOfFrames", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"),
    *("PlanarConfiguration", "RepresentativeFrameNumber"),
)


def _picture(kind: str, pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def _dicom(syntax: str, frame: bytes | None = None, **tags: object) -> bytes:
    film = drawn_film(0, SIDE)[0]
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    header.SOPClassUID, header.SOPInstanceUID = (
        ComputedRadiographyImageStorage,
        generate_uid(entropy_srcs=["a"]),
    )
    header.Modality, header.BodyPartExamined, header.ViewPosition = "CR", "CHEST", "PA"
    header.Rows, header.Columns = film.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 8, 8, 7, 0
    header.add_new("PixelData", "OB", film.tobytes() if frame is None else encapsulate([frame]))
    header["PixelData"].is_undefined_length = frame is not None
    for name, value in tags.items():
        setattr(header, name, value)
    out = io.BytesIO()
    header.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _rle(film: np.ndarray) -> bytes:
    runs = b"".join(b"\x7f" + film.tobytes()[i : i + 128] for i in range(0, film.size, 128))
    return struct.pack("<16I", 1, 64, *[0] * 14) + runs


@cache
def whole() -> dict[str, bytes]:
    """Whole films in every format that is read, by file name."""
    film = drawn_film(0, SIDE)[0]
    return {
        "eight.png": _picture("PNG", film),
        "sixteen.png": _picture("PNG", film.astype(np.uint16) * 257),
        "colour.png": _picture("PNG", np.stack([film] * 3, 2)),
        "grey.jpg": _picture("JPEG", film),
        "progressive.jpg": _picture("JPEG", np.stack([film] * 3, 2), progressive=True),
        "plain.dcm": _dicom(ExplicitVRLittleEndian, WindowCenter=128, WindowWidth=200),
        "implicit.dcm": _dicom(ImplicitVRLittleEndian, PatientAge="063Y"),
        "deflated.dcm": _dicom(DeflatedExplicitVRLittleEndian),
        "rle.dcm": _dicom(RLELossless, _rle(film)),
        "jpeg.dcm": _dicom(JPEGBaseline8Bit, _picture("JPEG", film)),
        "jpeg2000.dcm": _dicom(JPEG2000Lossless, _picture("JPEG2000", film, no_jp2=True)),
    }


def mutated(seed: int) -> tuple[str, bytes]:
    """A film's name and bytes; half are changed anywhere, half in what their header says."""
    rng = np.random.default_rng(seed)
    names = sorted(whole())
    name = names[rng.integers(len(names))]
    data = whole()[name]
    change = (_said if rng.random() < 0.5 else _anywhere)(name, data, rng)
    return f"{seed} {name}", change


def _anywhere(name: str, data: bytes, rng: Rng) -> bytes:
    kind = rng.integers(5)
    at = int(rng.integers(len(data) if rng.random() < 0.3 else min(len(data), 1500)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[at + int(rng.integers(1, 40)) :]
    if kind == 2:
        return data[:at] + bytes(rng.integers(0, 256, 40, np.uint8)) + data[at:]
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        out[int(rng.integers(min(len(out), 1500)))] = int(
            rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        )
    return bytes(out)


def _said(name: str, data: bytes, rng: Rng) -> bytes:
    """The header's numbers are others, its checksums right."""
    numbers = [int(n) for n in rng.choice(NUMBERS, 2)]
    if name.endswith(".png"):
        out = bytearray(data)
        out[16:24] = struct.pack(">II", *numbers)
        if rng.random() < 0.3:
            out[24:26] = bytes([int(rng.choice([1, 8, 16])), int(rng.choice([0, 2, 3, 4, 6]))])
        out[29:33] = zlib.crc32(bytes(out[12:29])).to_bytes(4, "big")
        return bytes(out)
    if name.endswith(".jpg"):
        out = bytearray(data)
        at = out.index(b"\xff\xc2" if "progressive" in name else b"\xff\xc0") + 5
        out[at : at + 4] = struct.pack(">HH", *numbers)
        return bytes(out)
    return _dicom_said(data, rng)


def _dicom_said(data: bytes, rng: Rng) -> bytes:
    from pydicom import dcmread

    header = dcmread(io.BytesIO(data))
    for name in rng.choice(_TAGS, int(rng.integers(1, 4)), replace=False):
        value = int(rng.choice(NUMBERS))
        header.pop(str(name), None)
        setattr(header, str(name), min(value, 1) if name == "PixelRepresentation" else value)
    out = io.BytesIO()
    header.save_as(out, enforce_file_format=True)
    return out.getvalue()
