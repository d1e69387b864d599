"""What a compressed DICOM frame says that it unpacks to, before a decoder believes it.

A decoder makes room for what the codestream says, whatever the header says: both have to agree.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from manifests.errors import DatasetError

#: Columns, rows and samples.
_Shape = tuple[int, int, int]

#: JPEG's start of frame (ITU-T T.81 B.1.1.3 and T.87): all of C0 to CF but the tables C4, C8, CC; and F7.
_FRAMES: Final = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
_SCAN: Final = 0xDA
#: JPEG 2000's start of codestream with the size behind it (T.800 A.4.1, A.5.1).
_SIZED: Final = b"\xff\x4f\xff\x51"
#: The header of an RLE frame (PS3.5 G.5), and the most bytes that one of its bytes can stand for (G.3.2).
_RLE_HEADER, _RLE_RATIO = 64, 64
#: How much more than its pixels an RLE segment may unpack to: encoders pad.
_RLE_ROOM: Final = 1 << 20


def check_frame(path: Path, header: FileDataset, syntax: UID) -> None:
    """Hold the first frame's codestream against ``header``, and leave it no other.

    :raises DatasetError: where they differ in rows, columns or samples, and for RLE that runs on.
    """
    for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if name in header:  # of one frame they say nothing, and could show the decoder another
            delattr(header, name)
    frame = get_frame(header.PixelData, 0, number_of_frames=1)
    if syntax == RLELossless:
        _check_rle(path, frame, header.Rows * header.Columns)
        return
    expected = (header.Columns, header.Rows, 1)
    for found in _shapes(frame, syntax):
        if found != expected:
            raise DatasetError(
                f"{path}: its codestream is of {found[0]} x {found[1]} pixels of {found[2]} samples, "
                f"expected {expected[0]} x {expected[1]} of 1, as the header says"
            )


def _shapes(frame: bytes, syntax: UID) -> list[_Shape]:
    """Every size that a codestream names before its pixels; at least one."""
    if syntax in JPEG2000TransferSyntaxes or frame[:2] != b"\xff\xd8":
        found = list(_jpeg2000_shapes(frame))
    elif syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        found = list(_jpeg_shapes(frame))
    else:
        found = []
    if not found:
        raise ValueError("no size in its codestream")
    return found


def _jpeg_shapes(frame: bytes) -> Iterator[_Shape]:
    at = 2
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            raise ValueError(f"no marker at byte {at} of its codestream")
        marker = frame[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _SCAN:
            return
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            _, rows, columns, samples = struct.unpack(">BHHB", frame[at + 4 : at + 10])
            yield columns, rows, samples
        at += 2 + length


def _jpeg2000_shapes(frame: bytes) -> Iterator[_Shape]:
    """Of the codestream; boxes around it, which DICOM has not, are Pillow's to read and are held to it."""
    at = frame.find(_SIZED)
    if at < 0:
        return
    # behind marker, length and capabilities: the ends of the grid, its origin, the tiles', and the samples
    right, bottom, left, top, *_, samples = struct.unpack(">8IH", frame[at + 8 : at + 42])
    yield right - left, bottom - top, samples
    if (box := frame[:at].find(b"ihdr")) >= 0:
        rows, columns, samples = struct.unpack(">IIH", frame[box + 4 : box + 14])
        yield columns, rows, samples


def _check_rle(path: Path, frame: bytes, pixels: int) -> None:
    """A segment is a byte of each pixel (PS3.5 G.2)."""
    count, *offsets = struct.unpack("<16I", frame[:_RLE_HEADER])
    starts = offsets[: min(count, 15)]
    for start, stop in zip(starts, [*starts[1:], len(frame)], strict=True):
        segment = memoryview(frame)[start:stop]
        room = pixels + _RLE_ROOM
        if len(segment) * _RLE_RATIO > room and _unpacked(segment, room) > room:
            raise DatasetError(
                f"{path}: an RLE segment of more than {pixels} bytes, expected one for each pixel"
            )


def _unpacked(segment: memoryview, most: int) -> int:
    """Bytes that an RLE segment unpacks to; counted no further than just beyond ``most``."""
    at, size, end = 0, 0, len(segment)
    while at < end and size <= most:
        sign = segment[at]
        if sign < 128:
            size += sign + 1
            at += sign + 2
        else:
            size += 257 - sign if sign > 128 else 0
            at += 2 if sign > 128 else 1
    return size
