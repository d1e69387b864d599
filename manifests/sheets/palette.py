"""Colours and type of the sheets."""

from functools import cache
from pathlib import Path
from typing import TypeAlias

import matplotlib
from PIL import ImageDraw, ImageFont

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
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size)


def wrapped(
    draw: ImageDraw.ImageDraw, text: str, width: float, type_: ImageFont.FreeTypeFont, lines: int
) -> list[str]:
    """Text in so many lines of so many pixels; what does not fit is cut with an ellipsis."""
    text = text[: lines * max(int(width), 1)]  # no sign is narrower than a pixel, and measuring takes time
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
