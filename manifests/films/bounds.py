"""How much a radiograph's file may hold: looked at before anything of it is decoded."""

import os
import stat
from pathlib import Path
from typing import Final

from manifests.errors import DatasetError

#: Largest film that is read unless another is asked for, in millions of pixels: detectors have 10 to 20.
MEGAPIXELS: Final = 100
#: The most that can be asked for.
MOST_MEGAPIXELS: Final = 2000
#: Shortest side that is read, in pixels: below it no finding can be told.
SMALLEST_SIDE: Final = 64

#: A file's bytes: colour and alpha for each pixel, and what stands beside the pixels.
_BYTES_A_PIXEL, _BESIDE = 4, 64 << 20


def check_size(path: Path, height: int, width: int, megapixels: int) -> None:
    """:raises DatasetError: for a side shorter than SMALLEST_SIDE, and more than ``megapixels``."""
    if min(height, width) < SMALLEST_SIDE:
        raise DatasetError(
            f"{path}: {width} x {height} pixels, expected at least {SMALLEST_SIDE} x {SMALLEST_SIDE}"
        )
    check_largest(path, height, width, megapixels)


def check_largest(path: Path, height: int, width: int, megapixels: int) -> None:
    """:raises DatasetError: for more than ``megapixels``."""
    if height * width > megapixels * 10**6:
        raise DatasetError(
            f"{path}: {width} x {height} pixels ({height * width / 1e6:,.0f} megapixels), expected at most "
            f"{megapixels} megapixels"
        )


def most_bytes(megapixels: int) -> int:
    """That a file with so many pixels may have, and what unpacks to one."""
    return _BYTES_A_PIXEL * megapixels * 10**6 + _BESIDE


def read_bounded(path: Path, megapixels: int) -> bytes:
    """A whole file.

    :raises DatasetError: for one that no film of ``megapixels`` needs, and for pipes and devices, which may
        have no end.
    :raises OSError: for a file that cannot be opened.
    """
    most = most_bytes(megapixels)
    with open(path, "rb", opener=_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise DatasetError(f"{path}: is no regular file, expected a PNG, JPEG or DICOM image")
        if found.st_size > most:
            raise DatasetError(
                f"{path}: {found.st_size >> 20} MiB, expected at most {most >> 20} of {megapixels} megapixels"
            )
        return file.read(most)


def _at_once(path: str, flags: int) -> int:
    """A pipe that nobody writes to would wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)
