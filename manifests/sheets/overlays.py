"""One sample drawn large: its radiograph, with anatomy outlined and lesions tinted and boxed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from skimage.measure import find_contours

from manifests.annotations import CATEGORIES, decode_rle
from manifests.errors import DatasetError
from manifests.labels import LabelledShape
from manifests.sheets.palette import ANATOMY_COLOURS, FINDING_COLOURS, PAPER, Colour, font
from synth.findings import FINDINGS

#: Overlays are drawn so many times larger and shrunk again: smooth lines.
_SMOOTH = 3
_TINT = 0.22
#: More instances of one finding than this share one label.
_NAMED_EACH = 3

_NAMES = {c["id"]: c["name"] for c in CATEGORIES}


@dataclass(frozen=True)
class Outline:
    """A structure to draw: category, COCO box (x, y, w, h), (H, W) bool mask, anatomy or lesion.

    ``said``: what its label says, by default the finding's title.
    """

    name: str
    box: tuple[int, int, int, int]
    mask: np.ndarray
    said: str = ""

    @property
    def is_lesion(self) -> bool:
        """Whether it is a finding rather than anatomy."""
        return self.name in FINDING_COLOURS

    @property
    def colour(self) -> Colour:
        """Its colour in the legend."""
        return FINDING_COLOURS[self.name] if self.is_lesion else ANATOMY_COLOURS[self.name]

    @property
    def label(self) -> str:
        """What is written at a lesion."""
        return self.said or FINDINGS[self.name].title


def outlines(
    annotations: Sequence[LabelledShape | dict], shape: tuple[int, int] | None = None
) -> list[Outline]:
    """The structures of a sample's JSON, anatomy first so that lesions lie on top.

    :raises DatasetError: for a mask that is not of the image's ``shape``.
    """
    found = []
    for a in map(LabelledShape.model_validate, annotations):
        height, width = a.segmentation.size
        if (height, width) != (shape or (height, width)):
            raise DatasetError(f"segmentation.size: {height} by {width}, expected the image's {shape}")
        mask = decode_rle(a.segmentation.counts, (height, width))
        x, y, width, height = a.bbox
        found.append(Outline(_NAMES[a.category_id], (x, y, width, height), mask))
    return sorted(found, key=lambda outline: outline.is_lesion)


def plain(image: np.ndarray, size: int) -> Image.Image:
    """(H, W) uint8 as an RGB picture of ``size`` × ``size`` pixels."""
    return Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS).convert("RGB")


def overlaid(image: np.ndarray, shapes: list[Outline], size: int, filled: bool = True) -> Image.Image:
    """The radiograph with its structures drawn in; lesions are tinted and boxed if ``filled``.

    Masks are of the whole image, at its resolution or another.
    """
    large = size * _SMOOTH
    picture = plain(image, large)
    lesions = [shape for shape in shapes if shape.is_lesion]
    for shape in lesions if filled else ():
        _tint(picture, shape)
    draw = ImageDraw.Draw(picture)
    for shape in shapes:
        width = _SMOOTH * 2 if shape.is_lesion else _SMOOTH
        for line in _contours(shape.mask, large / shape.mask.shape[1]):
            draw.line(line, fill=shape.colour, width=width, joint="curve")
    for shape in lesions if filled else ():
        x, y, w, h = (v * large / shape.mask.shape[1] for v in shape.box)
        draw.rectangle((x, y, x + w, y + h), outline=shape.colour, width=_SMOOTH)
    picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    _label(picture, lesions)
    return picture


def _tint(picture: Image.Image, shape: Outline) -> None:
    stencil = Image.fromarray(shape.mask.astype(np.uint8) * round(255 * _TINT))
    stencil = stencil.resize(picture.size, Image.Resampling.BILINEAR)
    picture.paste(Image.new("RGB", picture.size, shape.colour), (0, 0), stencil)


def _contours(mask: np.ndarray, scale: float) -> list[list[tuple[float, float]]]:
    """Closed outlines in picture coordinates; the border of the image closes them too."""
    lines = find_contours(np.pad(mask, 1).astype(float), 0.5)
    return [[((x - 0.5) * scale, (y - 0.5) * scale) for y, x in line] for line in lines]


def _label(picture: Image.Image, lesions: list[Outline]) -> None:
    """The finding's name at its box, moved down where another name stands already."""
    draw = ImageDraw.Draw(picture)
    type_ = font(max(9, picture.width // 24))
    taken: list[tuple[float, float, float, float]] = []
    for lesion in _named_once_if_many(lesions):
        scale = picture.width / lesion.mask.shape[1]
        x, y = lesion.box[0] * scale, lesion.box[1] * scale
        _, _, width, height = draw.textbbox((0, 0), lesion.label, font=type_)
        x = min(max(x, 0), picture.width - width - 4)
        y = max(y - height - 4, 0)
        while any(_overlap((x, y, x + width + 4, y + height + 3), other) for other in taken):
            y += 2
        spot = (x, y, x + width + 4, y + height + 3)
        taken.append(spot)
        draw.rectangle(spot, fill=lesion.colour)
        draw.text((x + 2, y + 1), lesion.label, font=type_, fill=PAPER)


def _named_once_if_many(lesions: list[Outline]) -> list[Outline]:
    """Scattered findings have dozens of instances: one name says it."""
    count = Counter(lesion.label for lesion in lesions)
    first = {lesion.label: lesion for lesion in reversed(lesions)}
    return [x for x in lesions if count[x.label] <= _NAMED_EACH or x is first[x.label]]


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
