import io
import re
import zlib
from hashlib import sha256

import numpy as np
import pytest
from drawn_files import gradient, refusal
from PIL import Image

from manifests.errors import DatasetError
from manifests.films.files import read_original, restore, working_image, write_edited
from manifests.films.masks import read_mask
from synth.errors import users_mistake
from synth.images.radiographs import read_radiograph, to_uint8


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(("bits", "mode"), [(8, "L"), (16, "I;16")])
def test_png_gives_png_of_the_same_depth(tmp_path, bits, mode):
    pixels = gradient(70, 91, bits)
    original = read_original(saved(tmp_path / "a.png", pixels))
    assert (original.kind, original.bits, original.output_suffix) == ("png", bits, ".png")
    assert np.array_equal(original.pixels, pixels)
    write_edited(original, original.pixels, tmp_path / "b.png", "effusion removed – all of it")
    with Image.open(tmp_path / "b.png") as copy:
        assert (copy.format, copy.mode) == ("PNG", mode)
        copy.load()
        assert b"/compositeWithTrainedAlgorithmicMedia" in copy.info["xmp"]
        assert original.sha256.encode() in copy.info["xmp"]
        assert copy.text["Description"] == "Synthetic: edited by synthorax. effusion removed – all of it"
        assert np.array_equal(np.asarray(copy), pixels)


def test_jpeg_gives_png_with_the_pixels_that_were_read(tmp_path):
    path = saved(tmp_path / "a.jpg", gradient(70, 91, 8))
    original = read_original(path)
    assert original.kind == "jpeg"
    mask = np.zeros((64, 64), bool)
    mask[:20] = True
    edited = np.clip(working_image(original, 64) + 0.3, 0, 1)
    write_edited(original, restore(original, edited, mask), tmp_path / "b.png", "added")
    before, after = pixels_of(path), pixels_of(tmp_path / "b.png")
    assert (before != after)[:20].mean() > 0.9
    assert np.array_equal(before[26:], after[26:])


def test_content_decides_what_a_file_is(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(gradient(70, 70, 8)).save(path, "PNG")
    assert read_original(path).kind == "png"


def test_the_same_bytes_again_and_the_digest_of_the_file(tmp_path):
    path = saved(tmp_path / "a.png", gradient(70, 70, 16))
    original = read_original(path)
    assert original.sha256 == sha256(path.read_bytes()).hexdigest()
    one, two = (write_edited(original, original.pixels, tmp_path / n, "x") for n in ("1.png", "2.png"))
    assert one == two
    assert one.sha256 == sha256((tmp_path / "1.png").read_bytes()).hexdigest()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.png", "2.png", "a.png"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_in_other_modes_is_accepted(tmp_path, mode):
    pixels = gradient(70, 70, 8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_original(tmp_path / "a.png").pixels, pixels)


def test_a_grey_jpeg_stored_as_rgb_is_accepted(tmp_path):
    Image.fromarray(gradient(70, 70, 8)).convert("RGB").save(tmp_path / "a.jpg")
    assert np.array_equal(read_original(tmp_path / "a.jpg").pixels, pixels_of(tmp_path / "a.jpg")[..., 1])


def test_an_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    path = saved(tmp_path / "a.png", gradient(70, 91, 16), exif=exif)
    assert np.array_equal(read_original(path).pixels, np.rot90(pixels_of(path), -1))


def test_eight_bits_keep_their_exposure_and_more_are_stretched(tmp_path):
    dim = (gradient(80, 80, 8) // 4).astype(np.uint8)
    assert working_image(read_original(saved(tmp_path / "8.png", dim)), 80).max() < 0.26
    twelve = gradient(80, 80, 12)
    view = working_image(read_original(saved(tmp_path / "16.png", twelve)), 80)
    assert (view.min(), view.max()) == (0, 1)


def test_real_radiographs_look_as_they_did_to_training(shared_data, tmp_path):
    for path in sorted((shared_data / "nih" / "images").iterdir())[:3]:
        original = read_original(path)
        for size in (256, 512):
            view = working_image(original, size)
            trained = read_radiograph(path, size)
            assert np.abs(to_uint8(view).astype(int) - to_uint8(trained).astype(int)).max() <= 1
        write_edited(original, original.pixels, tmp_path / f"{path.stem}.png", "nothing")
        assert np.array_equal(pixels_of(tmp_path / f"{path.stem}.png"), pixels_of(path))


def test_a_film_of_many_megapixels_is_read_without_a_word(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    path = saved(tmp_path / "a.png", gradient(80, 80, 8))
    assert read_original(path).pixels.shape == (80, 80)
    mask = saved(tmp_path / "mask.png", (gradient(80, 80, 8) > 90).astype(np.uint8))
    assert read_mask(mask).pixels.any()
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    assert read_original(path).pixels.shape == (80, 80)


# What is no radiograph.


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


GREY = Image.fromarray(gradient(80, 80, 8))
COLOUR = Image.merge("RGB", (GREY, GREY.rotate(90), GREY))


def rgb16():
    """A PNG whose header says 16-bit RGB: the chunk's checksum is right, its pixels do not matter."""
    data = bytearray(encoded(COLOUR))
    data[24] = 16
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


BAD = {
    "empty": (b"", "is empty, expected"),
    "text": (b"not an image at all" * 20, "is no image, expected PNG, JPEG or DICOM"),
    "colour": (encoded(COLOUR), "a colour photograph .channels differ by up to"),
    "colour jpeg": (encoded(COLOUR, "JPEG"), "a colour photograph"),
    "cmyk": (encoded(COLOUR.convert("CMYK"), "JPEG"), "colour mode CMYK, expected a grey image"),
    "rgb16": (rgb16(), "channels of 16 bits, expected grey of 16 bits"),
    "one bit": (encoded(GREY.convert("1")), "grey of 1 bits, expected 8 or 16"),
    "alpha": (encoded(Image.merge("LA", (GREY, GREY))), "alpha down to 0, expected an opaque image"),
    "frames": (encoded(GREY, save_all=True, append_images=[GREY.rotate(90)]), "2 frames, expected one"),
    "tiff": (encoded(GREY, "TIFF"), "is a TIFF image, expected PNG, JPEG or DICOM"),
    "small": (encoded(GREY.resize((200, 63))), "200 x 63 pixels, expected at least 64 x 64"),
    "cut png": (encoded(GREY)[:-900], "damaged or truncated image"),
    "cut jpeg": (encoded(GREY, "JPEG")[:-900], "damaged or truncated image"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_told(tmp_path, name):
    data, message = BAD[name]
    assert re.search(message, refusal(read_original, tmp_path / "bad.png", data))


def test_no_prefix_of_a_file_makes_a_traceback(tmp_path):
    for kind in ("PNG", "JPEG"):
        whole = encoded(GREY, kind)
        for length in range(0, len(whole) - 64, 97):
            (tmp_path / "cut").write_bytes(whole[:length])
            with pytest.raises(DatasetError, match="cut: "):
                read_original(tmp_path / "cut")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OSError, match="nothing") as told:
        read_original(tmp_path / "nothing.png")
    assert users_mistake(told.value).endswith("no such file or folder")


def test_what_cannot_be_written_is_told(tmp_path):
    original = read_original(saved(tmp_path / "a.png", gradient(70, 70, 16)))
    pixels = original.pixels
    for wrong in (pixels[:60], pixels.astype(np.uint8), pixels.astype(float)):
        with pytest.raises(DatasetError, match="edited pixels are"):
            write_edited(original, wrong, tmp_path / "b.png", "x")
    with pytest.raises(DatasetError, match=r"ends in '\.jpg', expected '\.png'"):
        write_edited(original, pixels, tmp_path / "b.jpg", "x")
    with pytest.raises(DatasetError, match="is the original"):
        write_edited(original, pixels, tmp_path / "." / "a.png", "x")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="cannot write"):
        write_edited(original, pixels, tmp_path / "file" / "b.png", "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "file"]
