"""DICOM radiographs: read into grey values, and written again as a derived, synthetic instance.

Tags and their meaning are those of DICOM PS3.3; the sections are named where they decide something.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import FileDataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import ExplicitVRBigEndian

from manifests.errors import DatasetError
from manifests.films.bounds import check_size
from manifests.films.derivation import derive
from manifests.films.frames import check_frame
from manifests.films.greys import GreyScale, to_stored
from manifests.films.headers import read_header
from manifests.films.kinds import check_kind
from manifests.films.originals import Original

_MAGIC_AT, _MAGIC = 128, b"DICM"


def is_dicom(data: bytes) -> bool:
    """Whether bytes begin as PS3.10 (7.1) says: a preamble of 128 bytes, then ``DICM``."""
    return data[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def read_dicom(path: Path, data: bytes, digest: str, megapixels: int) -> Original:
    """One grey image of 8 to 16 stored bits, a plain radiograph; how it is shown becomes the view only.

    ``digest``: SHA-256 of ``data`` in hex; ``path`` is for messages. Nothing is decoded, or inflated, that
    comes to more than ``megapixels`` by header or codestream.

    :raises DatasetError: for what is no radiograph of the chest by its header, several frames, colour,
        missing pixels or identifiers, a transfer syntax that cannot be decoded here, values outside the
        stored bits, a header that leaves open how they are shown, and a damaged or truncated file.
    """
    with _told(path, "damaged or truncated DICOM"):
        header = read_header(path, data, megapixels)
        check_kind(path, header)
        _check_header(path, header, megapixels)
        stored = _decoded(path, header)
        scale = GreyScale.of(path, header, stored)
        del header.PixelData
    return Original(
        path,
        "dicom",
        digest,
        scale.grey(stored),
        header.BitsStored,
        scale.window,
        header,
        scale.curve,
        scale.negative,
    )


def encode_dicom(original: Original, pixels: np.ndarray, description: str) -> bytes:
    """A new instance in the source's study: explicit VR little endian, not compressed, marked synthetic.

    ``pixels`` (H, W) as :attr:`Original.pixels`; they are put back into the source's photometric
    interpretation, sign and allocated bits. What else the header says, the patient included, is kept:
    take out what identifies before or after. See :func:`manifests.films.derivation.derive` for the tags.
    """
    assert original.header is not None
    with _told(original.path, "DICOM header that cannot be written"):
        header = deepcopy(original.header)
        digest = sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
        derive(header, digest, description)
        allocated = header.BitsAllocated
        values = (
            to_stored(pixels, header, original.negative).astype("<u2" if allocated == 16 else "u1").tobytes()
        )
        header.add_new("PixelData", "OW" if allocated == 16 else "OB", values + b"\0" * (len(values) % 2))
        out = io.BytesIO()
        dcmwrite(out, header, enforce_file_format=True)
    return out.getvalue()


def _check_header(path: Path, header: FileDataset, megapixels: int) -> None:
    """Refuse, by the name of the tag, what is no single grey image, and one of more than ``megapixels``."""
    for name in ("SOPClassUID", "SOPInstanceUID", "Rows", "Columns", "BitsAllocated", "BitsStored"):
        if not header.get(name):
            raise DatasetError(f"{path}: no {name}, expected one in a DICOM radiograph")
    if "PixelData" not in header:
        raise DatasetError(f"{path}: no PixelData, expected a DICOM image")
    if (frames := int(header.get("NumberOfFrames") or 1)) != 1:
        raise DatasetError(f"{path}: NumberOfFrames is {frames}, expected 1")
    grey, samples = ("MONOCHROME1", "MONOCHROME2"), header.get("SamplesPerPixel", 1)
    if (found := header.get("PhotometricInterpretation")) not in grey or samples != 1:
        said = repr(found) if samples == 1 else f"{found!r} of {samples} samples"
        raise DatasetError(f"{path}: PhotometricInterpretation is {said}, expected {' or '.join(grey)}")
    allocated, stored = header.BitsAllocated, header.BitsStored
    if allocated not in (8, 16) or not 8 <= stored <= allocated:
        raise DatasetError(
            f"{path}: BitsStored is {stored} of {allocated} allocated, expected 8 to 16 of 8 or 16"
        )
    if (high := header.get("HighBit", stored - 1)) != stored - 1:
        raise DatasetError(f"{path}: HighBit is {high}, expected {stored - 1} (BitsStored - 1)")
    check_size(path, header.Rows, header.Columns, megapixels)


def _decoded(path: Path, header: FileDataset) -> np.ndarray:
    """(H, W) integers as stored."""
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise DatasetError(f"{path}: no TransferSyntaxUID, expected one in the file meta information")
    if syntax == ExplicitVRBigEndian:
        # Values of unknown representation would keep their byte order in a little-endian copy.
        raise DatasetError(f"{path}: TransferSyntaxUID is {syntax.name}, expected little endian")
    try:
        decoder = get_decoder(syntax)
        available, plugins = decoder.is_available, decoder.available_plugins
    except NotImplementedError:
        available, plugins = False, ()
    if not available:
        raise DatasetError(
            f"{path}: TransferSyntaxUID is {syntax.name}, which cannot be decoded here; "
            "expected uncompressed, RLE, JPEG or JPEG 2000, or synthorax installed with its extra `dicom`"
        )
    packed = f"TransferSyntaxUID is {syntax.name}, and its pixels cannot be decoded here"
    with _told(path, packed if syntax.is_compressed else "damaged or truncated DICOM"):
        if syntax.is_compressed:
            check_frame(path, header, syntax)
        # Pillow wherever it can, whatever else is installed: of lossy JPEG decoders differ in a grey level
        pixels = pixel_array(header, index=0, decoding_plugin="pillow" if "pillow" in plugins else "")
    if not syntax.is_compressed and header.BitsAllocated == 16:
        _check_unused_bits(path, pixels, header)
    return pixels


def _check_unused_bits(path: Path, pixels: np.ndarray, header: FileDataset) -> None:
    """Refuse values above BitsStored (or an overlay there): decoding cuts their upper bits off silently."""
    raw = np.frombuffer(header.PixelData, "<u2", count=pixels.size).reshape(pixels.shape)
    top = (1 << header.BitsStored) - 1
    if not ((raw <= top) | (raw == pixels.astype(np.uint16))).all():
        raise DatasetError(
            f"{path}: words up to {raw.max()}, expected at most {top} (BitsStored is {header.BitsStored})"
        )


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """pydicom reads lazily, and a damaged file can raise nearly anything from any of its tags."""
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:
        why = " ".join(str(error)[:1000].split())[:300]
        raise DatasetError(f"{path}: {what} ({type(error).__name__}: {why})") from error
