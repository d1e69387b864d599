"""Hugging Face ``datasets``: Parquet with embedded pictures, a file for each shard and split, and no script.

``data/SPLIT/NNNNNN.parquet`` declare their features, ``README.md`` the splits. Lesions that are to be
ignored stand among ``objects`` with their ``doubt``; ``lesions`` is the build's own ``lesions.png``, with
all of them.
"""

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.format import Batch, Format, NewFile, Note, Put
from manifests.exporting.pictures import png
from manifests.exporting.settings import ExportSettings
from manifests.exporting.splits import SPLITS
from manifests.marks import copied_mark
from manifests.members import ANATOMY_MASKS, LESION_MASKS, encode_png
from synth.findings import FINDING_NAMES

_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
#: Column of ``objects`` to its Arrow type and its feature.
_OBJECTS: dict[str, tuple[pa.DataType, dict[str, Any]]] = {
    "category": (pa.int64(), {"names": list(FINDING_NAMES), "_type": "ClassLabel"}),
    "bbox": (
        pa.list_(pa.float32(), 4),
        {"feature": {"dtype": "float32", "_type": "Value"}, "length": 4, "_type": "Sequence"},
    ),
    "area": (pa.int64(), {"dtype": "int64", "_type": "Value"}),
    "mask": (_PICTURE, {"_type": "Image"}),
    "localisation": (pa.float32(), {"dtype": "float32", "_type": "Value"}),
    "doubt": (pa.string(), {"dtype": "string", "_type": "Value"}),
}
_TEXT, _PIXELS = {"dtype": "string", "_type": "Value"}, {"_type": "Image"}
_COLUMNS: dict[str, tuple[pa.DataType, dict[str, Any]]] = {
    "key": (pa.string(), _TEXT),
    "image": (_PICTURE, _PIXELS),
    "anatomy": (_PICTURE, _PIXELS),
    "lesions": (_PICTURE, _PIXELS),
    "objects": (
        pa.struct([(name, pa.list_(kind)) for name, (kind, _) in _OBJECTS.items()]),
        {name: {"feature": feature, "_type": "Sequence"} for name, (_, feature) in _OBJECTS.items()},
    ),
    "prompt": (pa.string(), _TEXT),
    "age": (pa.int16(), {"dtype": "int16", "_type": "Value"}),
    "sex": (pa.string(), _TEXT),
    "view": (pa.string(), _TEXT),
}
_FEATURES = {name: feature for name, (_, feature) in _COLUMNS.items()}
SCHEMA = pa.schema(
    [(name, kind) for name, (kind, _) in _COLUMNS.items()],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
#: Rows of a row group: what a reader that streams has in memory.
_ROWS = 100


def tables(batch: Batch, put: Put) -> Iterator[Note]:
    """Writes a shard's table for each split that it has films of; a note counts one film."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for film in batch.films:
        rows[film.split].append(_row(film))
        yield {"split": film.split}
    for split, some in sorted(rows.items()):
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(some, schema=SCHEMA), out, row_group_size=_ROWS)
        put(f"data/{split}/{batch.shard:06d}.parquet", out.getvalue())


def files(notes: Iterable[Note], settings: ExportSettings, content: str) -> Iterator[NewFile]:
    """``README.md``, whose head declares the splits that hold a film."""
    there = {note["split"] for note in notes}
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in SPLITS:
        if split in there:
            name = "validation" if split == "val" else split
            lines += [f"  - split: {name}", f"    path: data/{split}/*.parquet"]
    lines += ["tags:", "- synthetic", "- medical", "---", "", "# Synthetic chest radiographs", ""]
    lines += [f"{content}. Made by synthorax.", ""]
    yield "README.md", ["\n".join(lines).encode()]


def _row(film: LabelledFilm) -> dict[str, Any]:
    objects = [_object(lesion, film.members[LESION_MASKS]) for lesion in (*film.lesions, *film.doubted)]
    return {
        "key": film.key,
        "image": _embedded(png(film), f"{film.key}.png"),
        "anatomy": _embedded(film.members[ANATOMY_MASKS], f"{film.key}.{ANATOMY_MASKS}"),
        "lesions": _embedded(film.members[LESION_MASKS], f"{film.key}.{LESION_MASKS}"),
        "objects": {name: [entry[name] for entry in objects] for name in _OBJECTS},
        **{name: film.row[name] for name in ("prompt", "age", "sex", "view")},
    }


def _object(lesion: LabelledLesion, masks: bytes) -> dict[str, Any]:
    mask = copied_mark(masks, encode_png(lesion.mask.astype("uint8") * 255))
    return {
        "category": FINDING_NAMES.index(lesion.finding),
        "bbox": list(lesion.box),
        "area": lesion.area,
        "mask": _embedded(mask, None),
        "localisation": lesion.trust.localisation,
        "doubt": lesion.trust.doubt,
    }


def _embedded(data: bytes, path: str | None) -> dict[str, Any]:
    return {"bytes": data, "path": path}


EXPORT = Format("hf", tables, files, ignores=True)
