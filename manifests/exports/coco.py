"""COCO: ``images/SPLIT/KEY.png`` and ``annotations/instances_SPLIT.json``, for detection and segmentation.

Instances have ``iscrowd`` 0. Lesions that are to be ignored are ignore regions, ``iscrowd`` 1: COCO's
evaluation neither rewards nor punishes what is found there.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from manifests.annotations import CATEGORIES, annotation
from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.format import Batch, Format, NewFile, Note, Put
from manifests.exporting.outlines import joined, parts
from manifests.exporting.pictures import png
from manifests.exporting.settings import ExportSettings
from manifests.exporting.splits import SPLITS, Split
from synth.findings import FINDING_NAMES

RLE, POLYGONS = "rle", "polygons"


def images(batch: Batch, put: Put) -> Iterator[Note]:
    """Writes each image; its note is the image's entry and those of its lesions."""
    for film in batch.films:
        put(f"images/{film.split}/{film.key}.png", png(film, batch.settings.channels))
        yield {
            "split": film.split,
            "image": _image(film),
            "annotations": list(_annotations(film, batch.settings)),
        }


def files(notes: Iterable[Note], settings: ExportSettings, content: str) -> Iterator[NewFile]:
    """One JSON for each split."""
    for split in SPLITS:
        yield f"annotations/instances_{split}.json", _lines(notes, split, content)


def _image(film: LabelledFilm) -> dict[str, Any]:
    return {
        "id": int(film.key),
        "file_name": f"{film.key}.png",
        "width": film.shape[1],
        "height": film.shape[0],
        "license": 1,
        "prompt": film.row["prompt"],
    }


def _annotations(film: LabelledFilm, settings: ExportSettings) -> Iterator[dict[str, Any]]:
    size = list(film.shape)
    for number, lesion in enumerate((*film.lesions, *film.doubted), start=1):
        rle = {"size": size, "counts": lesion.rle}
        entry = annotation(int(film.key), number, lesion.finding, list(lesion.box), lesion.area, rle)
        del entry["category"]
        entry |= {"localisation": lesion.trust.localisation, "doubt": lesion.trust.doubt}
        if number > len(film.lesions):  # regions are always RLE: COCO knows no other
            entry["iscrowd"] = 1
        elif settings.masks == POLYGONS:
            entry["segmentation"] = _polygons(lesion)
        yield entry


def _polygons(lesion: LabelledLesion) -> list[list[int]]:
    """A polygon for each part, along the pixels' edges: pycocotools fills exactly the mask again."""
    return [joined(rings).ravel().tolist() for rings in parts(lesion.mask)]


def _lines(notes: Iterable[Note], split: Split, content: str) -> Iterator[bytes]:
    """The file in pieces, an image or annotation a line."""
    head = {
        "info": {"description": content, "version": "1"},
        "licenses": [{"id": 1, "name": "as stated in the dataset card", "url": ""}],
        "categories": [c for c in CATEGORIES if c["name"] in FINDING_NAMES],
    }
    yield json.dumps(head, ensure_ascii=False)[:-1].encode() + b',\n"images": ['
    yield from _listed(note["image"] for note in notes if note["split"] == split)
    yield b'\n],\n"annotations": ['
    yield from _listed(a for note in notes if note["split"] == split for a in note["annotations"])
    yield b"\n]}\n"


def _listed(values: Iterable[Any]) -> Iterator[bytes]:
    separator = b"\n"
    for value in values:
        yield separator + json.dumps(value, ensure_ascii=False).encode()
        separator = b",\n"


EXPORT = Format("coco", images, files, masks=(RLE, POLYGONS), channels=(1, 3), ignores=True)
