"""The manifest's Arrow schema: one row per candidate, in parts (one per shard) and merged.

The order, type and meaning of every column stand here and nowhere else; the table in
``docs/dataset-format.md`` is made from it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from filters.filter import Filter
from filters.registry import FILTERS
from filters.verdicts import Keep
from synth.findings import FINDING_NAMES
from synth.strict_json import parse_json

#: Raised whenever a column is added, removed or changes its meaning, or a member does.
SCHEMA_VERSION = 5
#: Columns that files of earlier versions lack, by the version that brought them. From the earliest that is
#: read on, nothing else has changed but that pictures are marked (:mod:`manifests.marks`).
EARLIEST, SINCE = 2, {"complete": 3, "draw": 5, "earlier": 5}

#: A finding that is asked for or found; null where it is left open.
FINDING = pa.struct(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("side", pa.string()),
        pa.field("zone", pa.string()),
        pa.field("severity", pa.string()),
    ]
)
_INSTANCE = pa.struct(
    [
        pa.field("finding", pa.string(), nullable=False),
        pa.field("bbox", pa.list_(pa.int32()), nullable=False),
        pa.field("area", pa.int32(), nullable=False),
        pa.field("rle", pa.string(), nullable=False),
    ]
)
_SCORE = pa.struct(
    [
        pa.field("filter", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("threshold", pa.float64(), nullable=False),
    ]
)
_REFUSAL = pa.struct(
    [
        pa.field("draw", pa.int16(), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("scores", pa.list_(_SCORE), nullable=False),
    ]
)
_AREAS = pa.struct([pa.field(name, pa.int32(), nullable=False) for name in FINDING_NAMES])


def _field(name: str, kind: pa.DataType, meaning: str, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": meaning})


def filter_fields(name: str) -> list[pa.Field]:
    """The columns of the filter ``name``."""
    return [
        _field(f"{name}_verdict", pa.string(), "pass, fail or skipped"),
        _field(f"{name}_score", pa.float64(), "the filter's score in its own unit"),
        _field(f"{name}_threshold", pa.float64(), "the threshold that the build used"),
        _field(f"{name}_keep", pa.string(), "side of the threshold that passes: >= or <="),
        _field(f"{name}_reason", pa.string(), "short phrase, null unless the verdict is fail"),
        _field(f"{name}_detail", pa.string(), "sub-scores as a JSON object"),
    ]


_CASE = [
    _field("key", pa.string(), "global candidate index, 9 digits", nullable=False),
    _field("shard", pa.int32(), "index of the shard that holds the candidate", nullable=False),
    _field("position", pa.int32(), "index of the candidate within its shard", nullable=False),
    _field("seed", pa.int64(), "the case's seed", nullable=False),
    _field("status", pa.string(), "accepted, rejected or failed", nullable=False),
    _field("reasons", pa.list_(pa.string()), "filters that said no, in order", nullable=False),
    _field("error", pa.string(), "what broke, empty unless failed", nullable=False),
    _field("prompt", pa.string(), "the clinical text", nullable=False),
    _field("unparsed", pa.list_(pa.string()), "parts not understood, used as text", nullable=False),
    _field("findings", pa.list_(FINDING), "findings asked for; null: left open", nullable=False),
    _field(
        "complete",
        pa.bool_(),
        "whether findings are all that the text says; where not, what it leaves open is unknown, not absent",
        nullable=False,
    ),
    _field("age", pa.int16(), "years, null when not asked for"),
    _field("sex", pa.string(), "F or M, null when not asked for"),
    _field("view", pa.string(), "PA or AP, null when not asked for"),
    _field("pair", pa.string(), "key of the pair's first candidate, null unless a radiograph is edited"),
    _field("source_sha256", pa.string(), "SHA-256 of the edited radiograph's file, null without one"),
    _field("edit", pa.string(), "before, what was done, or unchanged; null unless a radiograph is edited"),
    _field("draw", pa.int16(), "which draw the row and its image are of, 0 the first", nullable=False),
    _field(
        "earlier",
        pa.list_(_REFUSAL),
        "the draws before that one, all refused: filters that said no, and what each said",
        nullable=False,
    ),
]
_RESULT = [
    _field("width", pa.int32(), "pixels, null when there is no image"),
    _field("height", pa.int32(), "pixels, null when there is no image"),
    _field("n_lesions", pa.int32(), "lesion instances drawn, null when there is no image"),
    _field("lesion_area", _AREAS, "pixels covered by each finding, null when there is no image"),
    _field("instances", pa.list_(_INSTANCE), "lesions: COCO box (x, y, w, h), area, COCO RLE"),
    _field("image_sha256", pa.string(), "SHA-256 of the image's pixels, row by row, 8 bits each"),
]
#: The one column of parts that the manifest has not.
EMBEDDING = "embedding"
_EMBEDDING = _field(EMBEDDING, pa.list_(pa.float32()), "anatomy expert's features, for near-duplicates")

_METADATA = {"schema_version": str(SCHEMA_VERSION), "made_by": "synthorax"}
_VERSION = b"schema_version"

#: Under which name the metadata of a file tells of filters that do not ship.
_OWN = b"own_filters"


class Column(NamedTuple):
    """What a file tells of a filter that has columns in it; as of :class:`filters.filter.Filter`."""

    name: str
    question: str
    unit: str
    keep: Keep


SHIPPED_COLUMNS = {f.name: Column(f.name, f.question, f.unit, f.keep) for f in FILTERS.values()}


def manifest_schema(
    own: Mapping[str, Filter] | Mapping[str, Column] | None = None, version: int = SCHEMA_VERSION
) -> pa.Schema:
    """Columns of ``manifest.parquet``, with those of the user's ``own`` filters, as of a schema version."""
    told = [Column(f.name, f.question, f.unit, f.keep) for f in (own or {}).values()]
    extra = {_OWN.decode(): json.dumps([c._asdict() for c in told])} if told else {}
    names = [*SHIPPED_COLUMNS, *(c.name for c in told)]
    case = [f for f in _CASE if SINCE.get(f.name, EARLIEST) <= version]
    fields = [*case, *_RESULT, *(f for name in names for f in filter_fields(name))]
    return pa.schema(fields, metadata=_METADATA | {_VERSION.decode(): str(version)} | extra)


def part_schema(
    own: Mapping[str, Filter] | Mapping[str, Column] | None = None, version: int = SCHEMA_VERSION
) -> pa.Schema:
    """Columns of ``parts/NNNNNN.parquet``: the manifest's and the embedding, which is large."""
    manifest = manifest_schema(own, version)
    return pa.schema([*manifest, _EMBEDDING], metadata=manifest.metadata)


def version_of(schema: pa.Schema) -> int:
    """The schema version that a file says it has. ValueError for one that is not read here."""
    said = (schema.metadata or {}).get(_VERSION, b"none").decode("ascii", "replace")
    if said not in map(str, range(EARLIEST, SCHEMA_VERSION + 1)):
        raise ValueError(f"metadata schema_version: {said[:20]!r}, expected {EARLIEST} to {SCHEMA_VERSION}")
    return int(said)


def filter_columns(schema: pa.Schema) -> dict[str, Column]:
    """The filters that a manifest or part was judged by, in their order. ValueError for broken metadata.

    One that ships, but did not when the file was written, is left out.
    """
    known = SHIPPED_COLUMNS | own_columns(schema)
    return {name: column for name, column in known.items() if f"{name}_verdict" in schema.names}


def own_columns(schema: pa.Schema) -> dict[str, Column]:
    """As :func:`filter_columns`, of those that do not ship."""
    told = [_column(c) for c in parse_json((schema.metadata or {}).get(_OWN, b"[]"))]
    return {c.name: c for c in told}


def _column(told: Any) -> Column:
    if not (isinstance(told, dict) and set(told) == set(Column._fields)):
        raise ValueError(f"metadata {_OWN.decode()}: {told!r}, expected {', '.join(Column._fields)} of each")
    column = Column(**told)
    if not all(isinstance(value, str) for value in column) or column.keep not in (">=", "<="):
        raise ValueError(f"metadata {_OWN.decode()}: {told!r}, expected text, and >= or <= to keep")
    if not column.name.isidentifier():
        raise ValueError(f"metadata {_OWN.decode()}: {column.name!r}, expected a filter's name")
    return column


def schema_table() -> str:
    """The schema as a Markdown table: column, type, null allowed, meaning."""
    lines = ["| column | type | null | meaning |", "| --- | --- | --- | --- |"]
    for field in part_schema():
        meaning = field.metadata[b"description"].decode()
        kind = str(field.type).replace(" not null", "").replace("|", "\\|")
        lines.append(f"| `{field.name}` | `{kind}` | {'yes' if field.nullable else 'no'} | {meaning} |")
    return "\n".join(lines)
