import io
import re
from hashlib import sha256

import numpy as np
import pytest
from drawn_files import refusal
from PIL import Image

from manifests.films.masks import read_mask
from synth.errors import users_mistake

DRAWN = np.zeros((70, 90), bool)
DRAWN[10:30, 40:80] = True
GREY = Image.fromarray(DRAWN.astype(np.uint8) * 255)


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        Image.fromarray(DRAWN.astype(np.uint8)),
        GREY.convert("1"),
        GREY.convert("P"),
        GREY.convert("RGB"),
        GREY.convert("RGBA"),
        Image.fromarray(DRAWN.astype(np.uint16) * 255),
    ],
    ids=["0 and 255", "0 and 1", "one bit", "palette", "rgb", "rgba", "16 bit"],
)
def test_masks_of_two_values_are_read(tmp_path, image):
    (tmp_path / "mask.png").write_bytes(data := encoded(image))
    found = read_mask(tmp_path / "mask.png")
    assert np.array_equal(found.pixels, DRAWN)
    assert found.pixels.dtype == bool
    assert found.sha256 == sha256(data).hexdigest()


def test_an_orientation_is_applied_as_to_radiographs(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    GREY.save(tmp_path / "mask.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "mask.png").pixels, np.rot90(DRAWN, -1))


def grey(values):
    return encoded(Image.fromarray(np.resize(np.array(values, np.uint8), (70, 90))))


COLOUR = Image.merge("RGB", (GREY, GREY, Image.new("L", GREY.size)))
BAD = {
    "empty file": (b"", "mask is no image, expected PNG"),
    "text": (b"no image" * 30, "mask is no image, expected PNG"),
    "jpeg": (encoded(GREY, "JPEG"), "mask is a JPEG image, expected PNG"),
    "cut": (encoded(GREY)[:-60], "damaged or truncated mask"),
    "colour": (encoded(COLOUR), "mask in colour or with alpha, expected grey"),
    "alpha": (encoded(Image.merge("LA", (GREY, GREY))), "mask in colour or with alpha"),
    "soft": (grey([0, 100, 255]), "mask of 3 values from 0 to 255, expected 0 and 255, or 0 and 1"),
    "labels": (grey([0, 1, 2]), "mask of 3 values from 0 to 2"),
    "both": (grey([0, 1, 255]), "mask of 3 values from 0 to 255"),
    "half": (grey([0, 128]), "mask of 2 values from 0 to 128"),
    "nothing": (grey([0]), "mask is empty, expected pixels of 255 or 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_mask_is_told(tmp_path, name):
    data, message = BAD[name]
    assert re.search(message, refusal(read_mask, tmp_path / "bad.png", data))


def test_a_mask_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OSError, match="none") as told:
        read_mask(tmp_path / "none.png")
    assert users_mistake(told.value).endswith("no such file or folder")
