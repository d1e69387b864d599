"""Masks that a user drew for a radiograph: PNG files with two values."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageOps

from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS, check_largest, read_bounded
from manifests.films.pictures import opened

#: What stands for "inside"; 0 is outside.
_INSIDE = (1, 255)


class MaskFile(NamedTuple):
    """``pixels`` (H, W) bool, and the SHA-256 of the file."""

    pixels: np.ndarray
    sha256: str


def read_mask(path: Path, megapixels: int = MEGAPIXELS) -> MaskFile:
    """A grey PNG whose pixels are 0 and 255, or 0 and 1, with at least one inside.

    One bit a pixel, and grey stored as RGB or with an opaque alpha channel, are accepted; an EXIF orientation
    is applied, as to radiographs.

    :raises DatasetError: naming the file, for anything else, and for more than ``megapixels`` million pixels.
    :raises OSError: for a file that cannot be opened.
    """
    data = read_bounded(path, megapixels)
    with opened(path, data, "PNG", mask=True) as image:
        if image.format != "PNG":
            raise DatasetError(f"{path}: mask is a {image.format} image, expected PNG")
        check_largest(path, image.height, image.width, megapixels)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        pixels = _grey(path, image)
    found = np.unique(pixels)
    inside = found[found != 0]
    if len(inside) > 1 or not np.isin(inside, _INSIDE).all():
        raise DatasetError(
            f"{path}: mask of {len(found)} values from {found[0]} to {found[-1]}, expected 0 and 255, or "
            "0 and 1"
        )
    if not len(inside):
        raise DatasetError(f"{path}: mask is empty, expected pixels of 255 or 1")
    return MaskFile(pixels > 0, sha256(data).hexdigest())


def _grey(path: Path, image: Image.Image) -> np.ndarray:
    """(H, W) integers of a decoded image whose channels agree."""
    if image.mode in ("1", "L") or image.mode.startswith("I"):
        return np.array(image, np.uint8) if image.mode == "1" else np.array(image)
    red, green, blue, alpha = image.convert("RGBA").split()
    differ = any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
    if differ or ImageChops.invert(alpha).getbbox():
        raise DatasetError(f"{path}: mask in colour or with alpha, expected grey")
    return np.array(red)
