"""Masks that a user drew for a radiograph: PNG files with two values."""

import io
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from manifests.errors import DatasetError
from manifests.films.files import quiet

#: What stands for "inside"; 0 is outside.
_INSIDE = (1, 255)


class MaskFile(NamedTuple):
    """``pixels`` (H, W) bool, and the SHA-256 of the file."""

    pixels: np.ndarray
    sha256: str


def read_mask(path: Path) -> MaskFile:
    """A grey PNG whose pixels are 0 and 255, or 0 and 1, with at least one inside.

    One bit a pixel, and grey stored as RGB or with an opaque alpha channel, are accepted; an EXIF orientation
    is applied, as to radiographs.

    :raises DatasetError: naming the file, for anything else.
    :raises OSError: for a file that cannot be opened.
    """
    data = path.read_bytes()
    try:
        with quiet(), Image.open(io.BytesIO(data)) as image:
            if image.format != "PNG":
                raise DatasetError(f"{path}: mask is a {image.format} image, expected PNG")
            image.load()
            pixels = _grey(path, ImageOps.exif_transpose(image))
    except DatasetError:
        raise
    except Image.UnidentifiedImageError:
        raise DatasetError(f"{path}: mask is no image, expected PNG") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: damaged or truncated mask ({error}), expected a whole one") from error
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
        return np.array(image).astype(np.int32)
    colours = np.asarray(image.convert("RGBA")).astype(np.int32)
    if colours[..., 3].min() < 255 or (colours[..., :3] != colours[..., :1]).any():
        raise DatasetError(f"{path}: mask in colour or with alpha, expected grey")
    return colours[..., 0]
