"""PNG and JPEG files as Pillow opens them: by what their first bytes say, and nothing decoded yet."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile

from manifests.errors import DatasetError

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


@contextmanager
def opened(path: Path, data: bytes, expected: str, mask: bool = False) -> Iterator[Image.Image]:
    """The image of a file's bytes; messages name the formats that are ``expected``, and call a mask one.

    The caller bounds its size before it loads the pixels: Pillow's own bound, which no option could raise, is
    passed by, as are the warnings that come with it.

    :raises DatasetError: naming the file, for what is no image, and whatever Pillow raises of a damaged one.
    """
    try:
        with quiet(), _image(data) as image:
            yield image
    except DatasetError:
        raise
    except Image.UnidentifiedImageError:
        raise DatasetError(f"{path}: {'mask is' if mask else 'is'} no image, expected {expected}") from None
    except Exception as error:  # a damaged file can raise nearly anything from any of its chunks
        why = " ".join(str(error).split())[:200] or type(error).__name__
        what = "mask" if mask else "image"
        raise DatasetError(f"{path}: damaged or truncated {what} ({why}), expected a whole one") from error


def _image(data: bytes) -> Image.Image:
    if data.startswith(_PNG):
        return PngImageFile(io.BytesIO(data))
    if data.startswith(_JPEG):
        return jpeg_factory(io.BytesIO(data))
    return Image.open(io.BytesIO(data))  # to say what it is


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' warnings, several lines each, of files that are not quite as they should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
