"""``KEY.json``: as it is read, and as it must be, given the sample's row and its anatomy."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from manifests.annotations import CATEGORIES, anatomy_annotations, annotation
from manifests.errors import DatasetError
from manifests.members import finding_labels, score
from manifests.parsing import LARGEST, parse_record
from synth.cases import FindingRequest
from synth.errors import UserError
from synth.strict_json import parse_json

#: Annotations of a sample that are read: their ids leave room for no more.
MOST_ANNOTATIONS = 1000

Pixels = Annotated[int, Field(ge=0, le=1 << 20)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class Segmentation(_Part):
    """COCO RLE: height and width, and runs as text."""

    size: Annotated[list[Annotated[int, Field(ge=1, le=1 << 20)]], Field(min_length=2, max_length=2)]
    counts: str


class LabelledShape(_Part):
    """One annotation, as far as it is drawn."""

    category_id: Annotated[int, Field(ge=1, le=len(CATEGORIES))]
    bbox: Annotated[list[Pixels], Field(min_length=4, max_length=4)]
    segmentation: Segmentation


class Labels(_Part):
    """What is shown of a sample's ``KEY.json``."""

    prompt: str
    rejected_by: str
    annotations: Annotated[list[LabelledShape], Field(max_length=MOST_ANNOTATIONS)]
    pair: str = ""
    edit: str = ""


_LABELS = TypeAdapter(Labels)


def parse_labels(data: bytes, path: str) -> Labels:
    """The labels in a ``KEY.json``.

    :raises DatasetError: when it is none.
    """
    if len(data) > LARGEST:
        raise DatasetError(f"{path}: {len(data)} bytes, expected {LARGEST} or fewer")
    return parse_record(_LABELS, data, path, "a sample's labels")


def expected_labels(row: Mapping[str, Any], anatomy: np.ndarray, filters: Iterable[str]) -> dict[str, Any]:
    """The ``KEY.json`` of a manifest's row with ``anatomy`` (5, H, W) bool; ``filters`` in judging order."""
    image, size = int(row["key"]), [row["height"], row["width"]]
    lesions = [
        annotation(image, n, x["finding"], x["bbox"], x["area"], {"size": size, "counts": x["rle"]})
        for n, x in enumerate(row["instances"], start=1)
    ]
    return {
        "key": row["key"],
        "status": row["status"],
        "rejected_by": ", ".join(row["reasons"]),
        "prompt": row["prompt"],
        "unparsed": "; ".join(row["unparsed"]),
        **({"complete": row["complete"]} if "complete" in row else {}),  # since schema version 3
        "findings": finding_labels([FindingRequest(**f) for f in row["findings"]], row.get("complete", True)),
        "age": -1 if row["age"] is None else row["age"],
        "sex": row["sex"] or "",
        "view": row["view"] or "",
        "pair": row["pair"] or "",
        "source_sha256": row["source_sha256"] or "",
        "edit": row["edit"] or "",
        **({"draw": row["draw"]} if "draw" in row else {}),  # since schema version 5
        "seed": row["seed"],
        "width": row["width"],
        "height": row["height"],
        "annotations": [*lesions, *anatomy_annotations(image, anatomy, len(lesions) + 1)],
        "scores": [
            score(name, *(row[f"{name}_{n}"] for n in ("verdict", "score", "threshold", "keep")))
            for name in filters
            if row[f"{name}_score"] is not None
        ],
        "categories": list(CATEGORIES),
    }


def differing_label(data: bytes, expected: Mapping[str, Any]) -> str | None:
    """What of a ``KEY.json`` is not as ``expected``, None when all of it is."""
    if data == json.dumps(expected, ensure_ascii=False).encode():
        return None
    try:
        if len(data) > LARGEST:
            return f"{len(data)} bytes, expected {LARGEST} or fewer"
        found = parse_json(data)
    except UserError as error:
        return str(error)
    if not isinstance(found, dict):
        return "is no JSON object"
    for name in dict.fromkeys([*expected, *found]):
        there, wanted = _spelled(name, found), _spelled(name, expected)
        if there != wanted:
            return f"{name} is {there[:80]}, expected {wanted[:80]}"
    return None


def _spelled(name: str, labels: Mapping[str, Any]) -> str:
    """A field's value so that equal ones are spelled alike, and 1, 1.0 and true are not."""
    if name not in labels:
        return "absent"
    value = labels[name]
    if not isinstance(value, list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    texts = [json.dumps(v, sort_keys=True, ensure_ascii=False) for v in value]
    if name == "scores":  # own filters may be asked in another order than their columns stand
        texts.sort()
    return f"[{', '.join(texts)}]"
