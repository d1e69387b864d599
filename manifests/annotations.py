"""COCO categories and annotations of one sample's masks."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from manifests.errors import DatasetError
from synth.cases import MaskSet
from synth.findings import ANATOMY, FINDING_NAMES

#: Findings first (1 to 13), then anatomical structures (14 to 18); 0 is the background by custom.
CATEGORIES: tuple[dict[str, Any], ...] = tuple(
    {"id": i, "name": name, "supercategory": "finding" if i <= len(FINDING_NAMES) else "anatomy"}
    for i, name in enumerate((*FINDING_NAMES, *ANATOMY), start=1)
)
CATEGORY_IDS: dict[str, int] = {c["name"]: c["id"] for c in CATEGORIES}

#: Annotation ids are the image's times this, plus a running number from 1: unique in a dataset.
IDS_PER_IMAGE = 1000


#: In COCO's text a digit has five bits; a further one says that more follow. So many hold any run.
_MORE, _DIGITS = 32, 7


def encode_rle(mask: np.ndarray) -> dict[str, Any]:
    """COCO RLE of an (H, W) bool mask, its ``counts`` as text so that JSON can hold it."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode_rle(counts: str, shape: tuple[int, int]) -> np.ndarray:
    """The (H, W) bool mask of COCO RLE text, which is read by nobody else before it is known to be whole.

    :raises DatasetError: for text that is no RLE, or none of that ``shape``.
    """
    signs = np.frombuffer(counts.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if not len(signs) or signs.min() < 0 or signs.max() > 63 or signs[-1] & _MORE:
        raise DatasetError("no RLE, expected COCO's compressed counts")
    ends = np.flatnonzero((signs & _MORE) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    digits = ends - starts + 1
    if digits.max() > _DIGITS:
        raise DatasetError("no RLE, expected runs shorter than a picture")
    places = np.arange(len(signs)) - np.repeat(starts, digits)
    values = np.add.reduceat((signs & 31) << (5 * places), starts)
    values -= np.where(signs[ends] & 16, 1 << (5 * digits), 0)  # of a number's last digit: it is negative
    for first in (1, 2):  # from the third on, numbers are differences from the last but one
        values[first::2] = np.cumsum(values[first::2])
    pixels = shape[0] * shape[1]
    if values.min() < 0 or values.max() > pixels or values.sum() != pixels:
        raise DatasetError(f"RLE of another picture, expected {shape[0]} by {shape[1]} pixels")
    flat = np.repeat(np.arange(len(values)) % 2 == 1, values)
    return flat.reshape(shape[1], shape[0]).T


def annotation(
    image_id: int, number: int, category: str, bbox: list[int], area: int, rle: dict[str, Any]
) -> dict[str, Any]:
    """One COCO annotation; ``bbox`` (x, y, width, height) in pixels, ``area`` in pixels."""
    return {
        "id": image_id * IDS_PER_IMAGE + number,
        "image_id": image_id,
        "category_id": CATEGORY_IDS[category],
        "category": category,
        "bbox": bbox,
        "area": area,
        "iscrowd": 0,
        "segmentation": rle,
    }


def annotations(image_id: int, masks: MaskSet) -> list[dict[str, Any]]:
    """COCO annotations of every lesion, then of every anatomical structure that has a pixel."""
    lesions = [
        _annotated(image_id, number, lesion.finding, lesion.mask)
        for number, lesion in enumerate(masks.lesions, start=1)
    ]
    return [*lesions, *anatomy_annotations(image_id, masks.anatomy, len(lesions) + 1)]


def anatomy_annotations(image_id: int, anatomy: np.ndarray, first: int) -> list[dict[str, Any]]:
    """COCO annotations, numbered from ``first``, of what has a pixel in ``anatomy`` (5, H, W) bool."""
    there = [(name, mask) for name, mask in zip(ANATOMY, anatomy, strict=True) if mask.any()]
    return [_annotated(image_id, number, *part) for number, part in enumerate(there, start=first)]


def _annotated(image_id: int, number: int, category: str, mask: np.ndarray) -> dict[str, Any]:
    rle = encode_rle(mask)
    box = [int(v) for v in coco_mask.toBbox({**rle, "counts": rle["counts"].encode("ascii")})]
    return annotation(image_id, number, category, box, int(mask.sum()), rle)
