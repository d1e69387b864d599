"""Colours and type of the sheets."""

import unicodedata
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageDraw, ImageFont, features

from synth.findings import ANATOMY, FINDING_NAMES

Colour: TypeAlias = tuple[int, int, int]

PAPER: Colour = (18, 20, 24)
INK: Colour = (232, 234, 237)
FAINT: Colour = (150, 156, 166)
GOOD: Colour = (120, 200, 140)
BAD: Colour = (240, 110, 100)

#: One colour a finding, far apart on grey and for the colour-blind as far as 13 can be.
FINDING_COLOURS: dict[str, Colour] = dict(
    zip(
        FINDING_NAMES,
        (
            (255, 176, 0),
            (255, 255, 255),
            (254, 97, 0),
            (255, 80, 160),
            (180, 140, 255),
            (64, 156, 255),
            (0, 220, 200),
            (200, 160, 100),
            (255, 230, 90),
            (255, 60, 60),
            (140, 240, 80),
            (90, 110, 255),
            (0, 240, 120),
        ),
        strict=True,
    )
)
ANATOMY_COLOURS: dict[str, Colour] = dict(
    zip(
        ANATOMY,
        ((110, 170, 190), (110, 170, 190), (190, 120, 140), (170, 165, 130), (170, 165, 130)),
        strict=True,
    )
)


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, as matplotlib ships it."""
    return ImageFont.truetype(_file(bold), size)


def _file(bold: bool) -> str:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(FT2Font(_file(bold=False)).get_charmap())


def _draws(sign: str) -> bool:
    """Whether :func:`font` has the sign, and Pillow can order it where it is written from right to left."""
    if unicodedata.bidirectional(sign) in ("R", "AL") and not features.check("raqm"):
        return False
    return ord(sign) in _glyphs() or sign.isspace()


def drawable(text: str) -> str:
    """Text of which signs that the type lacks are counted, not drawn as boxes."""
    parts = []
    for draws, run in groupby(text, _draws):
        signs = "".join(run)
        parts.append(signs if draws else f"[{len(signs)} of another script]")
    return "".join(parts)


def wrapped(
    draw: ImageDraw.ImageDraw, text: str, width: float, type_: ImageFont.FreeTypeFont, lines: int
) -> list[str]:
    """Text in so many lines of so many pixels; what does not fit is cut with an ellipsis."""
    text = text[: lines * max(int(width), 1)]  # no sign is narrower than a pixel, and measuring takes time
    text = drawable(text)
    out = [""]
    for word in text.split():
        longer = f"{out[-1]} {word}".strip()
        if draw.textlength(longer, font=type_) <= width:
            out[-1] = longer
        elif len(out) < lines:
            out.append(word)
        else:
            out[-1] += " …"
            break
    while draw.textlength(out[-1], font=type_) > width and len(out[-1]) > 1:
        out[-1] = out[-1][:-2] + "…"
    return out
