"""YOLO: ``images/SPLIT/KEY.png``, ``labels/SPLIT/KEY.txt`` and ``data.yaml``, for segmentation or detection.

A label is one polygon. Lesions of several parts, or with a hole, become one by ways of no width between
their rings, which a drawing library makes a pixel wide: the loss is measured and told. The format has no
place for what is to be ignored.
"""

from collections.abc import Iterable, Iterator

from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.format import Batch, Format, NewFile, Note, Put
from manifests.exporting.outlines import chained, filled, inner, joined, parts
from manifests.exporting.pictures import png
from manifests.exporting.settings import ExportSettings
from manifests.exporting.splits import SPLITS
from synth.findings import FINDING_NAMES

POLYGONS, BOXES = "polygons", "boxes"
#: IoU with its mask that a polygon should have.
GOOD = 0.98


def images(batch: Batch, put: Put) -> Iterator[Note]:
    """Writes each image and its labels; its note tells how well the polygons cover the masks."""
    for film in batch.films:
        lines, overlaps = [], []
        for lesion in film.lesions:
            numbers = _box(film, lesion)
            if batch.settings.masks == POLYGONS:
                numbers, overlap = _polygon(film, lesion)
                overlaps.append([lesion.finding, round(overlap, 4)])
            category = FINDING_NAMES.index(lesion.finding)
            lines.append(" ".join([str(category), *(f"{number:.6f}" for number in numbers)]))
        put(f"images/{film.split}/{film.key}.png", png(film, batch.settings.channels))
        put(f"labels/{film.split}/{film.key}.txt", "".join(f"{line}\n" for line in lines).encode())
        yield {"key": film.key, "overlaps": overlaps}


def files(notes: Iterable[Note], settings: ExportSettings, content: str) -> Iterator[NewFile]:
    """``data.yaml``; its paths count from the file's own folder."""
    lines = [f"# {content}", *(f"{split}: images/{split}" for split in SPLITS)]
    lines += [f"channels: {settings.channels}", "names:"]
    lines += [f"  {number}: {name}" for number, name in enumerate(FINDING_NAMES)]
    yield "data.yaml", ["".join(f"{line}\n" for line in lines).encode()]


def losses(notes: Iterable[Note]) -> list[str]:
    """How much of a mask a polygon holds: the worst, and the mean."""
    found = [(value, note["key"], finding) for note in notes for finding, value in note["overlaps"]]
    if not found:
        return []
    value, key, finding = min(found)
    mean = sum(overlap for overlap, _, _ in found) / len(found)
    below = sum(overlap < GOOD for overlap, _, _ in found)
    return [
        f"{len(found)} polygons filled again: IoU with the masks {mean:.4f} on average, the worst "
        f"{value:.4f} ({finding.replace('_', ' ')} of {key}), {below} below {GOOD}"
    ]


def _box(film: LabelledFilm, lesion: LabelledLesion) -> list[float]:
    """Centre, width and height as shares of the image."""
    (x, y, width, height), (rows, columns) = lesion.box, film.shape
    return [(x + width / 2) / columns, (y + height / 2) / rows, width / columns, height / rows]


def _polygon(film: LabelledFilm, lesion: LabelledLesion) -> tuple[list[float], float]:
    """x, y of each corner as shares of the image, and the IoU of the polygon filled again with the mask.

    Corners are the middles of the outermost pixels: who cuts them to whole pixels and fills the polygon
    with its edges, as cv2 does, gets these pixels.
    """
    polygon = chained([joined([inner(ring) for ring in group]) for group in parts(lesion.mask)])
    again = filled(polygon, film.shape)
    overlap = float((again & lesion.mask).sum() / (again | lesion.mask).sum())
    return ((polygon + 0.5) / film.shape[::-1]).ravel().tolist(), overlap


EXPORT = Format("yolo", images, files, masks=(POLYGONS, BOXES), channels=(1, 3), losses=losses)
