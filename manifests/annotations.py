"""COCO categories and annotations of one sample's masks."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

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


def encode_rle(mask: np.ndarray) -> dict[str, Any]:
    """COCO RLE of an (H, W) bool mask, its ``counts`` as text so that JSON can hold it."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


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
    layers = [(lesion.finding, lesion.mask) for lesion in masks.lesions]
    layers += [(name, masks.anatomy[i]) for i, name in enumerate(ANATOMY) if masks.anatomy[i].any()]
    out = []
    for number, (category, mask) in enumerate(layers, start=1):
        rle = encode_rle(mask)
        box = [int(v) for v in coco_mask.toBbox({**rle, "counts": rle["counts"].encode("ascii")})]
        out.append(annotation(image_id, number, category, box, int(mask.sum()), rle))
    return out
