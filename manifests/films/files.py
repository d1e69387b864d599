"""Real radiographs read for editing, and edited ones written: PNG, JPEG and DICOM."""

import io
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps, PngImagePlugin

from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS, check_size, read_bounded
from manifests.films.compositing import blend_weight, restore, working_image
from manifests.films.dicom import encode_dicom, is_dicom, read_dicom
from manifests.films.originals import Kind, Original, default_window
from manifests.films.pictures import opened, quiet
from manifests.marks import COMPOSITE, mark, marked, tool
from manifests.members import PNG_LEVEL
from manifests.store import FileInfo, Store

__all__ = ["Original", "blend_weight", "read_original", "restore", "working_image", "write_edited"]

#: How far the channels of a grey image that was stored as RGB may differ: a JPEG's chroma rounds.
GREY_TOLERANCE = 2

#: MPO is a JPEG with further pictures behind the first; it is told apart by its frames.
_KINDS: dict[str | None, Kind] = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg"}

_GREY_PNG_DEPTHS = (8, 16)


def read_original(path: Path, megapixels: int = MEGAPIXELS) -> Original:
    """A PNG, JPEG or DICOM file, told apart by content rather than by name.

    A grey image stored as RGB, with a palette or with an opaque alpha channel is accepted: its green
    channel is taken. An EXIF orientation is applied, because the copy carries none.

    :raises DatasetError: naming the file, for what is no single grey image of 8 to 16 bits, of at least
        64 x 64 and at most ``megapixels`` million pixels, and for an empty, damaged or truncated file. What
        a file says of its size is looked at before anything is decoded.
    :raises OSError: for a file that cannot be opened.
    """
    data = read_bounded(path, megapixels)
    digest = sha256(data).hexdigest()
    if not data:
        raise DatasetError(f"{path}: is empty, expected a PNG, JPEG or DICOM image")
    if is_dicom(data):
        with quiet():
            return read_dicom(path, data, digest, megapixels)
    with opened(path, data, "PNG, JPEG or DICOM") as image:
        kind = _kind(path, image)
        check_size(path, image.height, image.width, megapixels)
        if kind == "png":
            _check_png_depth(path, data)
        pixels = _grey(path, image)
    bits = 8 * pixels.dtype.itemsize
    return Original(path, kind, digest, pixels, bits, default_window(pixels, bits))


def write_edited(original: Original, pixels: np.ndarray, path: Path, description: str) -> FileInfo:
    """Write an edited copy, whole or not at all, with a mark that it is synthetic.

    ``pixels`` (H, W): as :attr:`Original.pixels`, e.g. from :func:`restore`. ``description``: what was done,
    in words. PNG in gives PNG out at 8 or 16 bits. JPEG in gives PNG out as well: compressing again would
    change pixels outside the mask. DICOM in gives DICOM out, see :func:`manifests.films.dicom.encode_dicom`.
    The same arguments give the same bytes.

    :raises DatasetError: for pixels or a name that do not fit the original, for the original's own path,
        and for what the file system refuses.
    """
    if path.suffix.lower() != original.output_suffix:
        raise DatasetError(f"{path}: ends in {path.suffix!r}, expected {original.output_suffix!r}")
    if path.resolve() == original.path.resolve():
        raise DatasetError(f"{path}: is the original, expected another name for the edited copy")
    _check_fits(original, pixels)
    if original.kind == "dicom":
        data = encode_dicom(original, pixels, description)
    else:
        data = _encode_marked_png(pixels, description, original.sha256)
    return Store(path.parent).publish(path.name, data)


def _encode_marked_png(pixels: np.ndarray, description: str, source: str) -> bytes:
    """Marked twice: by a text chunk with the keyword ``Description`` of PNG's own list (11.3.3.2), and in XMP
    with the SHA-256 of the ``source``'s file."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", f"Synthetic: edited by synthorax. {description}")
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=PNG_LEVEL, pnginfo=text)
    return marked(out.getvalue(), mark(COMPOSITE, tool(), {"Source": source}))


def _check_fits(original: Original, pixels: np.ndarray) -> None:
    want = original.pixels
    if (pixels.shape, pixels.dtype) != (want.shape, want.dtype):
        raise DatasetError(
            f"{original.path}: edited pixels are {pixels.shape} {pixels.dtype}, "
            f"expected {want.shape} {want.dtype}"
        )
    if pixels.max() > original.top:
        raise DatasetError(
            f"{original.path}: edited pixels up to {pixels.max()}, expected at most {original.top}"
        )


def _kind(path: Path, image: Image.Image) -> Kind:
    if (kind := _KINDS.get(image.format)) is None:
        raise DatasetError(f"{path}: is a {image.format} image, expected PNG, JPEG or DICOM")
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise DatasetError(f"{path}: {frames} frames, expected one")
    return kind


def _check_png_depth(path: Path, data: bytes) -> None:
    """Refuse what Pillow reads with another depth than the file has: bytes 24 and 25 are IHDR's."""
    depth, colour_type = data[24], data[25]
    if colour_type == 0 and depth not in _GREY_PNG_DEPTHS:
        raise DatasetError(f"{path}: grey of {depth} bits, expected 8 or 16")
    if colour_type != 0 and depth == 16:
        raise DatasetError(f"{path}: colour or alpha channels of 16 bits, expected grey of 16 bits")


def _grey(path: Path, image: Image.Image) -> np.ndarray:
    """(H, W) uint8 or uint16 of an image that is not loaded yet, turned as it says, whose channels agree.

    :raises DatasetError: for another mode, and for channels that do not agree.
    """
    if image.mode not in ("L", "RGB", "RGBA", "LA", "P", "PA") and not image.mode.startswith("I"):
        raise DatasetError(f"{path}: colour mode {image.mode}, expected a grey image")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "L":
        return np.array(image)
    if image.mode.startswith("I"):
        return np.array(image).astype(np.uint16, copy=False)
    if image.mode != "RGB" or "transparency" in image.info:
        image = image.convert("RGBA")
    # channel by channel: together they would take many times the memory of the one that is kept
    red, green, blue, *alpha = image.split()
    least = _ends(alpha[0])[0] if alpha else 255
    if least < 255:
        raise DatasetError(f"{path}: alpha down to {least}, expected an opaque image (255)")
    pairs = ((red, green), (red, blue), (green, blue))
    differ = max(_ends(ImageChops.difference(*pair))[1] for pair in pairs)
    if differ > GREY_TOLERANCE:
        raise DatasetError(
            f"{path}: a colour photograph (channels differ by up to {differ}), expected a grey radiograph"
        )
    return np.array(green)


def _ends(channel: Image.Image) -> tuple[int, int]:
    """The least and the largest value of one channel of 8 bits."""
    low, high = np.asarray(channel.getextrema(), int)
    return int(low), int(high)
