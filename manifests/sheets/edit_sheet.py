"""One edit on one sheet: before with what is removed and added, after, the difference, experts' scores."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from manifests.marks import SHEET, mark, marked, tool
from manifests.members import PNG_LEVEL
from manifests.sheets.overlays import Outline, overlaid, plain
from manifests.sheets.palette import BAD, FAINT, FINDING_COLOURS, GOOD, INK, PAPER, Colour, font, wrapped
from synth.cases import Lesion
from synth.findings import FINDINGS

#: Grey levels of 255 at which a difference is drawn in full colour.
STRONGEST = 96
BRIGHTER: Colour = (255, 150, 40)
DARKER: Colour = (60, 140, 255)

_GAP = 14
#: Width of the table of scores, as a share of a picture's side.
_TABLE = 0.92
_TRACK: Colour = (44, 48, 56)


@dataclass(frozen=True)
class EditShown:
    """An edit as it is shown.

    ``before`` and ``after`` (S, S) uint8 in one frame and grey scale; masks of lesions are of the whole
    image, at any resolution. ``scores``: a finding's probability in [0, 1] before and after by its name,
    ``opacity`` (any lung opacity) among them.
    """

    title: str
    done: str
    before: np.ndarray
    after: np.ndarray
    removed: tuple[Lesion, ...]
    added: tuple[Lesion, ...]
    scores: Mapping[str, tuple[float, float]]
    note: str = ""

    @property
    def wanted(self) -> dict[str, bool]:
        """Finding asked for to whether it is to be there."""
        wanted = {m.finding: False for m in self.removed}
        return wanted | {m.finding: True for m in self.added}


def edit_sheet(shown: EditShown, tile: int = 480) -> bytes:
    """A PNG with three pictures of ``tile`` pixels a side and the scores beside them."""
    small, bold = font(max(12, tile // 30)), font(max(13, tile // 26), bold=True)
    line = int(small.size * 1.4)
    width = 6 * _GAP + 3 * tile + round(_TABLE * tile)
    top = _GAP + int(bold.size * 1.5) + line + _GAP // 2
    sheet = Image.new("RGB", (width, top + tile + line + 2 * _GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for (text, type_, fill), y in zip(
        ((shown.title, bold, INK), (shown.done, small, FAINT)),
        (_GAP, _GAP + int(bold.size * 1.5)),
        strict=True,
    ):
        draw.text((_GAP, y), wrapped(draw, text, width - 2 * _GAP, type_, 1)[0], font=type_, fill=fill)
    pictures = (
        (overlaid(shown.before, outlined(shown.removed, shown.added), tile, filled=False), "before"),
        (plain(shown.after, tile), "after"),
        (difference(shown.before, shown.after, tile), "after − before"),
    )
    x = _GAP
    for picture, caption in pictures:
        sheet.paste(picture, (x, top))
        draw.text((x, top + tile + 4), caption, font=small, fill=INK)
        x += tile + _GAP
    _scale(draw, (x - _GAP, top + tile + 4), small.size)
    table = scores(shown, round(_TABLE * tile), tile)
    sheet.paste(table, (x + _GAP, top))
    note = wrapped(draw, shown.note, table.width, small, 1)[0]
    draw.text((x + _GAP, top + tile + 4), note, font=small, fill=FAINT)
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=PNG_LEVEL)
    return marked(out.getvalue(), mark(SHEET, tool(), {}))


def outlined(removed: Sequence[Lesion], added: Sequence[Lesion]) -> list[Outline]:
    """Lesions to draw, with ``−`` or ``+`` before their names."""
    signed = [*((m, "−") for m in removed), *((m, "+") for m in added)]
    return [
        Outline(m.finding, m.box, m.mask, f"{sign} {FINDINGS[m.finding].title}")
        for m, sign in signed
        if m.mask.any()
    ]


def difference(before: np.ndarray, after: np.ndarray, size: int) -> Image.Image:
    """What became brighter and what darker, on (S, S) uint8: full colour from STRONGEST grey levels on."""
    signed = np.clip((after.astype(np.float32) - before) / STRONGEST, -1, 1)[..., None]
    strength = np.abs(signed)
    colour = np.where(signed > 0, np.array(BRIGHTER), np.array(DARKER))
    faint = 0.25 * before[..., None] * np.ones(3)  # where it lies in the chest
    mixed = (1 - strength) * faint + strength * colour
    picture = Image.fromarray(np.rint(mixed).astype(np.uint8))
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def scores(shown: EditShown, width: int, height: int) -> Image.Image:
    """The table of scores: what was asked for first, then what changed most."""
    wanted = shown.wanted
    names = sorted(
        shown.scores,
        key=lambda n: (n not in wanted, n != "opacity", -abs(shown.scores[n][1] - shown.scores[n][0])),
    )
    row = height / (len(names) + 1)
    type_ = font(max(9, min(int(row * 0.5), width // 26)))
    bold = font(type_.size, bold=True)
    table = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(table)
    columns = {"before": 0.83, "after": 1.0}
    draw.text((0, 0), "experts' probabilities", font=type_, fill=FAINT)
    for said, right in columns.items():
        draw.text((right * width - 2, 0), said, font=type_, fill=FAINT, anchor="ra")
    for i, name in enumerate(names, 1):
        y, asked = i * row, name in wanted
        sign = ("+ " if wanted[name] else "− ") if asked else ""
        title = FINDINGS[name].title if name in FINDINGS else name
        draw.text((0, y), sign + title, font=bold if asked else type_, fill=INK if asked else FAINT)
        values = shown.scores[name]
        better = asked and (values[1] > values[0]) == wanted[name]
        fill = (GOOD if better else BAD) if asked else FAINT
        for value, right, ink in zip(values, columns.values(), (INK if asked else FAINT, fill), strict=True):
            draw.text(
                (right * width - 2, y), f"{value:.2f}", font=bold if asked else type_, fill=ink, anchor="ra"
            )
        _bars(draw, values, (0.44 * width, y, 0.69 * width, y + type_.size), FINDING_COLOURS.get(name, INK))
    return table


def _bars(
    draw: ImageDraw.ImageDraw,
    values: tuple[float, float],
    box: tuple[float, float, float, float],
    colour: Colour,
) -> None:
    """Before above after, from 0 on the left to 1 on the right."""
    left, top, right, bottom = box
    middle = (top + bottom) / 2
    for value, y0, y1, ink in (
        (values[0], top + 1, middle - 1, FAINT),
        (values[1], middle + 1, bottom - 1, colour),
    ):
        draw.rectangle((left, y0, right, y1), fill=_TRACK)
        if value > 0.005:
            draw.rectangle((left, y0, left + value * (right - left), y1), fill=ink)


def _scale(draw: ImageDraw.ImageDraw, corner: tuple[int, int], size: float) -> None:
    """What the colours of a difference mean, ending at a right upper ``corner``."""
    x, y = corner
    type_ = font(round(size))
    for text, colour in ((f"brighter by {STRONGEST}", BRIGHTER), (f"darker by {STRONGEST} of 255", DARKER)):
        x -= int(draw.textlength(text, font=type_))
        draw.text((x, y), text, font=type_, fill=INK)
        draw.rectangle((x - size - 5, y + 2, x - 5, y + size + 2), fill=colour)
        x -= int(size) + 19
