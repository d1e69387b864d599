"""Text on sheets is readable whatever script it is in, or says what it leaves out."""

import pytest
from PIL import Image, ImageDraw, features

from manifests.sheets.palette import drawable, font, wrapped


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Small left effusion.", "Small left effusion."),
        ("Ødem, épanchement, Erguß, плеврит", "Ødem, épanchement, Erguß, плеврит"),
        ("左侧胸腔积液 PA", "[6 of another script] PA"),
        ("a\u0b95b", "a[1 of another script]b"),
        ("", ""),
    ],
)
def test_signs_that_the_type_lacks_are_counted(text, drawn):
    assert drawable(text) == drawn


def test_hebrew_is_drawn_from_right_to_left_or_counted():
    text = "אבג"
    if not features.check("raqm"):
        assert drawable(text) == "[3 of another script]"
        return
    assert drawable(text) == text
    draw = ImageDraw.Draw(Image.new("L", (200, 40)))
    draw.text((0, 0), text, font=font(20), fill=255)
    last = Image.new("L", (200, 40))
    ImageDraw.Draw(last).text((0, 0), text[-1], font=font(20), fill=255)
    width = int(last.getbbox()[2])
    assert draw._image.crop((0, 0, width, 40)).tobytes() == last.crop((0, 0, width, 40)).tobytes()


def test_signs_that_cannot_be_put_in_order_are_counted(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    assert drawable("אבג PA") == "[3 of another script] PA"


def test_wrapped_text_is_of_signs_that_are_drawn():
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    assert wrapped(draw, "胸", 400, font(12), 2) == ["[1 of another script]"]
