"""Images of an export as files."""

import io

import numpy as np
from PIL import Image

from manifests.errors import DatasetError
from manifests.exporting.film import LabelledFilm
from manifests.marks import copied_mark
from manifests.members import ANATOMY_MASKS, IMAGE, PNG_LEVEL, decode_png, unpack_bits
from synth.findings import ANATOMY


def png(film: LabelledFilm, channels: int = 1) -> bytes:
    """The film as a grey PNG, as it lies in the tar, or as one of three equal channels, marked alike.

    :raises DatasetError: when it is none, or of another size than its row says.
    """
    data = film.members[IMAGE]
    if channels == 1:
        _check_size(film, data)
        return data
    grey = pixels(film)
    out = io.BytesIO()
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(out, "PNG", compress_level=PNG_LEVEL)
    return copied_mark(data, out.getvalue())


def pixels(film: LabelledFilm) -> np.ndarray:
    """The film as (H, W) uint8, brighter is denser; raises as :func:`png`."""
    return _decoded(film, IMAGE)


def anatomy(film: LabelledFilm) -> np.ndarray:
    """Its structures as (5, H, W) bool, channels as ANATOMY; raises as :func:`png`."""
    return unpack_bits(_decoded(film, ANATOMY_MASKS), len(ANATOMY))


def _decoded(film: LabelledFilm, member: str) -> np.ndarray:
    try:
        found = decode_png(film.members[member], film.shape)
    except DatasetError as error:
        raise DatasetError(f"{film.key}.{member}: {error}") from None
    if found.dtype != np.uint8:
        raise DatasetError(f"{film.key}.{member}: {found.dtype}, expected 8 bits a pixel")
    return found


def _check_size(film: LabelledFilm, data: bytes) -> None:
    """By its header alone: the pixels are copied as they are."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            found, mode = image.size[::-1], image.mode
    except Exception as error:  # Pillow raises whatever a broken file leads to
        raise DatasetError(f"{film.key}.{IMAGE}: no PNG") from error
    if found != film.shape or mode != "L":
        raise DatasetError(
            f"{film.key}.{IMAGE}: {found[0]} by {found[1]} of mode {mode}, expected {film.shape[0]} by "
            f"{film.shape[1]} in grey"
        )
