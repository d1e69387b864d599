"""A DICOM file's data set, read within bounds: how far it inflates, and of how many pieces it is."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from manifests.errors import DatasetError
from manifests.films.bounds import most_bytes

#: Preamble and prefix (PS3.10 7.1).
_META_AT: Final = 132
#: Group of the file meta information.
_META: Final = 0x0002
#: Times that a data set is read from, which each element needs, and items of its sequences: real headers have
#: hundreds, and an object is made of each.
_MOST_READS, _MOST_ITEMS = 200_000, 100_000
_ITEM: Final = b"\xfe\xff\x00\xe0"
_DEFLATED: Final = DeflatedExplicitVRLittleEndian.encode()
_PLAIN: Final = ExplicitVRLittleEndian.encode().ljust(len(_DEFLATED), b"\0")


def read_header(path: Path, data: bytes, megapixels: int) -> FileDataset:
    """The data set of a file's bytes, its pixels as they are stored; a deflated one as if it were not.

    :raises DatasetError: for one that inflates to more than a film of ``megapixels``, and for one of more
        elements or items than any header has.
    """
    if _DEFLATED in data:
        data = _inflated(path, data, megapixels)
    if data.count(_ITEM) > _MOST_ITEMS:
        raise DatasetError(f"{path}: more than {_MOST_ITEMS} items of sequences, expected a radiograph's")
    header = dcmread(_Counted(path, data))
    header.buffer = None  # it would keep a second copy of the file alive
    return header


class _Counted(BytesIO):
    """Bytes that are read in so many pieces and no more."""

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(data)
        self._path, self._left = path, _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise DatasetError(f"{self._path}: a header of too many elements, expected a radiograph's")
        return super().read(size)


def _inflated(path: Path, data: bytes, megapixels: int) -> bytes:
    """A file's bytes with the data set inflated, and called so (PS3.5 A.5); others as they are."""
    stream = _Counted(path, data)
    stream.seek(_META_AT)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag >> 16 != _META)
    syntax = meta.get("TransferSyntaxUID")
    if syntax is None:
        raise DatasetError(f"{path}: no TransferSyntaxUID, expected one in the file meta information")
    if syntax != DeflatedExplicitVRLittleEndian:
        return data
    start, most = stream.tell(), most_bytes(megapixels)
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], most + 1)
    if len(inflated) > most:
        raise DatasetError(
            f"{path}: inflates to more than {most >> 20} MiB, expected at most that of {megapixels} "
            "megapixels"
        )
    return data[:start].replace(_DEFLATED, _PLAIN) + inflated
