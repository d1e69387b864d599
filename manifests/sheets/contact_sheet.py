"""A contact sheet: accepted and rejected samples, each plain and with its masks drawn in."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
from PIL import Image, ImageDraw

from filters.verdicts import Status
from manifests import layout
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.labels import parse_labels
from manifests.marks import SHEET, SYNTHETIC, Origin, mark, marked
from manifests.members import IMAGE, LABELS, PNG_LEVEL, decode_png
from manifests.seldom import MARK, read_seldom, with_mark
from manifests.selection import Seldom
from manifests.sheets.overlays import Outline, outlines, overlaid, plain
from manifests.sheets.palette import (
    ANATOMY_COLOURS,
    BAD,
    FAINT,
    FINDING_COLOURS,
    GOOD,
    INK,
    PAPER,
    Colour,
    font,
    wrapped,
)
from manifests.store import Store
from manifests.tars import read_samples
from synth.findings import FINDINGS

_GAP = 14
_CAPTION_LINES = 3


@dataclass(frozen=True)
class Shown:
    """A sample as it is shown."""

    key: str
    status: Status
    prompt: str
    rejected_by: str
    image: np.ndarray
    shapes: list[Outline]
    pair: str = ""
    edit: str = ""


def contact_sheet(
    store: Store,
    accepted: int = 24,
    rejected: int = 6,
    columns: int = 3,
    tile: int = 240,
    keys: Sequence[str] | None = None,
) -> bytes:
    """A PNG of the first accepted and the first rejected samples, in the order of their keys.

    Of edited radiographs, pairs of which both are accepted come first, and stand side by side.
    ``tile``: side of one picture in pixels; each sample has two of them side by side. ``keys``
    shows these samples instead, whatever became of them.

    Findings that are seldom accepted have their mark in the legend, which says what it means.

    :raises DatasetError: when there is nothing to show, or a key has no image.
    """
    chosen = _by_key(store, keys) if keys is not None else _first(store, accepted, rejected)
    if not chosen:
        raise DatasetError(f"{store.url}: no committed samples to show")
    if any(sample.pair for sample in chosen):
        columns = 2
    lines = max(len(_caption(sample, tile)) for sample in chosen)
    cells = [_cell(sample, tile, lines) for sample in chosen]
    picture = _arrange(cells, min(columns, len(cells)), _legend(chosen, read_seldom(store)))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=PNG_LEVEL)
    kind = SHEET if any(sample.pair for sample in chosen) else SYNTHETIC
    origin = Origin.of(read_build(store))
    return marked(out.getvalue(), mark(kind, origin.tool, {"Build": origin.build}))


def _first(store: Store, accepted: int, rejected: int) -> list[Shown]:
    return [
        *_whole_first(_samples(store, "accepted"), accepted),
        *islice(_samples(store, "rejected"), rejected),
    ]


def _whole_first(samples: Iterator[Shown], count: int) -> list[Shown]:
    """The first ``count`` samples, those after all others whose pair's other one is missing."""
    whole: list[Shown] = []
    lone: list[Shown] = []
    for pair, both in groupby(samples, lambda s: s.pair or s.key):
        some = list(both)
        (lone if some[0].pair == pair and len(some) < 2 else whole).extend(some)
        if len(whole) >= count:
            break
        del lone[count:]
    return [*whole, *lone][:count]


def _by_key(store: Store, keys: Sequence[str]) -> list[Shown]:
    wanted = set(keys)
    found: dict[str, Shown] = {}
    for status in ("accepted", "rejected"):
        found |= {s.key: s for s in _samples(store, status, wanted)}
    if missing := [k for k in keys if k not in found]:
        raise DatasetError(f"key: {missing[0]!r} has no image in {store.url}, expected one that has")
    return [found[k] for k in keys]


def _samples(store: Store, status: Status, wanted: set[str] | None = None) -> Iterator[Shown]:
    """Samples of one status in the order of their keys; only those wanted, if any are named."""
    tar_path = layout.tar_path if status == "accepted" else layout.rejected_path
    for shard, commit in read_commits(store).items():
        path = tar_path(shard)
        between = wanted is None or any(commit.first_key <= k <= commit.last_key for k in wanted)
        if path not in commit.files or not between:
            continue
        for key, members in read_samples(store, path):
            if wanted is None or key in wanted:
                yield _shown(f"{path}/{key}", key, status, members)


def _shown(path: str, key: str, status: Status, members: dict[str, bytes]) -> Shown:
    for extension in (LABELS, IMAGE):
        if extension not in members:
            raise DatasetError(f"{path}.{extension}: is missing, expected in every sample")
    labels = parse_labels(members[LABELS], f"{path}.{LABELS}")
    try:
        image = decode_png(members[IMAGE])
        if image.dtype != np.uint8:
            raise DatasetError(f"{image.dtype}, expected 8 bits")
    except DatasetError as error:
        raise DatasetError(f"{path}.{IMAGE}: {error}") from error
    try:
        shapes = outlines(labels.annotations, image.shape)
    except DatasetError as error:
        raise DatasetError(f"{path}.{LABELS}: {error}") from error
    return Shown(
        key=key,
        status=status,
        prompt=labels.prompt,
        rejected_by=labels.rejected_by,
        image=image,
        shapes=shapes,
        pair=labels.pair,
        edit=labels.edit,
    )


def _caption(sample: Shown, tile: int) -> list[str]:
    """The prompt in lines as wide as a cell."""
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    return wrapped(draw, sample.prompt, 2 * tile, font(_type_size(tile)), _CAPTION_LINES)


def _type_size(tile: int) -> int:
    return max(10, tile // 18)


def _cell(sample: Shown, tile: int, lines: int) -> Image.Image:
    """Two pictures side by side over key, decision and prompt; room for so many prompt lines."""
    small, bold = font(_type_size(tile)), font(_type_size(tile), bold=True)
    line = int(small.size * 1.35)
    cell = Image.new("RGB", (2 * tile + 2, tile + 6 + line * (lines + 1)), PAPER)
    cell.paste(plain(sample.image, tile), (0, 0))
    cell.paste(overlaid(sample.image, sample.shapes, tile), (tile + 2, 0))
    draw = ImageDraw.Draw(cell)
    rejected = sample.status == "rejected"
    said = f"rejected by {sample.rejected_by.replace('_', ' ')}" if rejected else "accepted"
    draw.text((0, tile + 4), sample.key, font=bold, fill=INK)
    if sample.edit:
        said = f"{sample.edit}, {said}"
    start = draw.textlength(sample.key + "  ", font=bold)
    said = wrapped(draw, said, cell.width - start, small, 1)[0]
    draw.text((start, tile + 4), said, font=small, fill=BAD if rejected else GOOD)
    for i, text in enumerate(_caption(sample, tile), 1):
        draw.text((0, tile + 4 + i * line), text, font=small, fill=FAINT)
    return cell


def _legend(chosen: Sequence[Shown], seldom: Seldom) -> list[tuple[str, Colour]]:
    """What is drawn anywhere on the sheet, findings first; last what the mark of ``seldom`` ones means."""
    names = {shape.name for sample in chosen for shape in sample.shapes}
    entries = [(with_mark(n, FINDINGS[n].title, seldom), c) for n, c in FINDING_COLOURS.items() if n in names]
    seen: set[Colour] = set()
    for name, colour in ANATOMY_COLOURS.items():
        if name in names and colour not in seen:  # both sides share a colour and an entry
            seen.add(colour)
            entries.append((name.replace("right_", "").replace("left_", ""), colour))
    if names & seldom.keys():
        entries.append((f"{MARK} seldom accepted, not to be trusted at this size", PAPER))
    return entries


def _arrange(cells: list[Image.Image], columns: int, legend: list[tuple[str, Colour]]) -> Image.Image:
    width, height = cells[0].size
    rows = -(-len(cells) // columns)
    total = _GAP + columns * (width + _GAP)
    key = _draw_legend(legend, total - 2 * _GAP)
    sheet = Image.new("RGB", (total, 2 * _GAP + key.height + rows * (height + _GAP)), PAPER)
    sheet.paste(key, (_GAP, _GAP))
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        x, y = _GAP + column * (width + _GAP), 2 * _GAP + key.height + row * (height + _GAP)
        sheet.paste(cell, (x, y))
    return sheet


def _draw_legend(entries: list[tuple[str, Colour]], width: int) -> Image.Image:
    type_ = font(14)
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    x, y, spots = 0, 0, []
    for name, colour in entries:
        span = 20 + int(probe.textlength(name, font=type_)) + 18
        if x + span > width and x:
            x, y = 0, y + 22
        spots.append((x, y, name, colour))
        x += span
    legend = Image.new("RGB", (width, y + 22), PAPER)
    draw = ImageDraw.Draw(legend)
    for left, top, name, colour in spots:
        draw.rectangle((left, top + 3, left + 13, top + 16), fill=colour)
        draw.text((left + 20, top + 1), name, font=type_, fill=INK)
    return legend
