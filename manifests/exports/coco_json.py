"""``coco.json`` of each finished dataset: accepted samples' lesions in one file; images stay in the tars."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from manifests import layout
from manifests.annotations import CATEGORIES, annotation
from manifests.exports.export import Export
from manifests.seldom import warning
from manifests.selection import Seldom
from synth.findings import FINDING_NAMES

_LICENSES = [{"id": 1, "name": "as stated in the dataset card", "url": ""}]


def coco_lines(tables: Iterable[pa.Table], seldom: Seldom) -> Iterator[bytes]:
    """The file in pieces, one image or annotation a line; tables are iterated once.

    Images keep the name of their member in the tar (``KEY.png``) and name the tar. Annotations
    are the lesions; the anatomy lies in each sample's own JSON. The description names the findings that are
    ``seldom`` accepted.
    """
    findings = [c for c in CATEGORIES if c["name"] in FINDING_NAMES]
    untrusted = f"; {warning(seldom)}" if seldom else ""
    head = {
        "info": {"description": f"Synthetic chest radiographs, accepted samples{untrusted}", "version": "1"},
        "licenses": _LICENSES,
        "categories": findings,
    }
    yield json.dumps(head, ensure_ascii=False)[:-1].encode() + b',\n"images": ['
    lesions: list[bytes] = []
    separator = b"\n"
    for table in tables:
        for row in table.to_pylist():
            if row["status"] != "accepted":
                continue
            yield separator + _line(_image(row))
            separator = b",\n"
            lesions += [_line(a) for a in _annotations(row)]
    yield b'\n],\n"annotations": [\n' + b",\n".join(lesions) + b"\n]}\n"


def _image(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": int(row["key"]),
        "file_name": f"{row['key']}.png",
        "width": row["width"],
        "height": row["height"],
        "license": 1,
        "tar": layout.tar_path(row["shard"]),
        "prompt": row["prompt"],
    }


def _annotations(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    size = [row["height"], row["width"]]
    for number, lesion in enumerate(row["instances"], start=1):
        rle = {"size": size, "counts": lesion["rle"]}
        yield annotation(int(row["key"]), number, lesion["finding"], lesion["bbox"], lesion["area"], rle)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


EXPORT = Export("coco", layout.COCO, coco_lines)
