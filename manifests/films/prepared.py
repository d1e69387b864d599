"""A folder of prepared radiographs: films, pseudo-masks and prompts that a ControlNet is trained on.

``prepared.json`` says how it is made and stands first. ``films/HH/HASH.*`` are one film's files, named by
the SHA-256 of its source: the image, ``anatomy.png`` and ``lesions.png`` (bit layouts of
:mod:`manifests.members`), and a JSON record, which is written last and means that the film is done.
``prepared.parquet`` has a row for each file of the source folder and means that all of it is done.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.canonical import parse_object
from manifests.errors import DatasetError
from manifests.members import ANATOMY_MASKS, IMAGE, LESION_MASKS, encode_png, pack_bits
from manifests.parts import open_parquet
from manifests.schema import FINDING
from manifests.store import Store
from synth.cases import FindingRequest, MaskSet
from synth.demographics import Demographics
from synth.findings import FINDING_NAMES

SETTINGS, TABLE = "prepared.json", "prepared.parquet"
#: Raised whenever a file or column is added, removed or changes its meaning.
VERSION = 1

_ROWS_AT_ONCE = 1000
_LESION = pa.struct(
    [
        pa.field("finding", pa.string(), nullable=False),
        pa.field("bbox", pa.list_(pa.int32()), nullable=False),
        pa.field("area", pa.int32(), nullable=False),
    ]
)
_PROBABILITIES = pa.struct([pa.field(name, pa.float32()) for name in (*FINDING_NAMES, "opacity")])


def _field(name: str, kind: pa.DataType, meaning: str, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": meaning})


#: Columns of ``prepared.parquet``; all but the first three are null where ``error`` is not empty.
PREPARED_SCHEMA = pa.schema(
    [
        _field("source", pa.string(), "path of the original, relative to the source folder", nullable=False),
        _field("sha256", pa.string(), "SHA-256 of the original file, null when it could not be read"),
        _field("error", pa.string(), "why the file was refused, empty when it was not", nullable=False),
        _field("kind", pa.string(), "png, jpeg or dicom"),
        _field("image", pa.string(), "the film: grey PNG of 8 bits, relative to this folder"),
        _field("anatomy", pa.string(), "bit i is ANATOMY[i]: grey PNG of 8 bits"),
        _field("lesions", pa.string(), "bit i is FINDING_NAMES[i]: grey PNG of 16 bits"),
        _field("size", pa.int32(), "pixels a side"),
        _field("prompt", pa.string(), "the clinical text, a label's or written from what was found"),
        _field("labelled", pa.bool_(), "whether a label names the findings, not the experts"),
        _field("findings", pa.list_(FINDING), "what the prompt says; null: left open"),
        _field("age", pa.int16(), "years, null when not known"),
        _field("sex", pa.string(), "F or M, null when not known"),
        _field("view", pa.string(), "PA or AP, null when not known"),
        _field("instances", pa.list_(_LESION), "connected lesions: COCO box (x, y, w, h), area in pixels"),
        _field("probabilities", _PROBABILITIES, "the experts' calibrated ones, null: not spoken of"),
        _field("lung_score", pa.float32(), "how surely both lungs are seen, 0 to 1"),
    ],
    metadata={"schema_version": str(VERSION), "made_by": "synthorax"},
)


@dataclass(frozen=True)
class PreparedFilm:
    """One prepared radiograph: ``image`` (S, S) uint8 and ``masks`` of the same size."""

    sha256: str
    kind: str
    image: np.ndarray
    masks: MaskSet
    prompt: str
    labelled: bool
    findings: tuple[FindingRequest, ...]
    who: Demographics
    probabilities: Mapping[str, float]
    lung_score: float


class PreparedFolder:
    """Writes a prepared folder, film by film; every method raises DatasetError as its Store does."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Write down how films are made, or check that the folder was begun in the same way.

        :raises DatasetError: naming the first setting that differs.
        """
        wanted = {"version": VERSION, **settings}
        if not self.store.exists(SETTINGS):
            self.store.publish(SETTINGS, json.dumps(wanted, indent=1).encode() + b"\n")
            return
        found = parse_object(self.store.read(SETTINGS)) or {}
        for name, value in wanted.items():
            if found.get(name) != value:
                raise DatasetError(
                    f"{self.store.url}/{SETTINGS}: {name} is {found.get(name)!r}, now {value!r}: "
                    "expected the same as before; choose another folder"
                )

    def record(self, sha256: str, asked: Any) -> dict[str, Any] | None:
        """The row, without its source, of a file that was done for the same label ``asked``, or None."""
        path = _name(sha256, "json")
        if not self.store.exists(path) or (found := parse_object(self.store.read(path))) is None:
            return None
        row = found["row"]
        stands = all(self.store.exists(row[name]) for name in _PICTURES if name in row)
        return row if stands and found["asked"] == asked else None

    def row(self, sha256: str, asked: Any) -> dict[str, Any]:
        """As :meth:`record`, of a film that this run has seen done.

        :raises DatasetError: when its files are gone since.
        """
        if (found := self.record(sha256, asked)) is None:
            raise DatasetError(
                f"{self.store.url}: {_name(sha256, 'json')} or its pictures are gone: prepare again"
            )
        return found

    def write(self, film: PreparedFilm, asked: Any) -> None:
        """Publish a film's files, its record last; ``asked`` is its label in JSON's types, or None."""
        names = {k: _name(film.sha256, m) for k, m in zip(_PICTURES, _MEMBERS, strict=True)}
        pixels = (
            film.image,
            pack_bits(film.masks.anatomy, np.uint8),
            pack_bits(film.masks.lesion_channels(), np.uint16),
        )
        for name, picture in zip(names.values(), pixels, strict=True):
            self.store.publish(name, encode_png(picture))
        self._write_record(film.sha256, asked, {"error": "", **names, **_described(film)})

    def refuse(self, sha256: str, error: str, asked: Any) -> None:
        """Remember what is wrong with a file that was looked at, so that nobody need look again."""
        self._write_record(sha256, asked, {"error": error})

    def _write_record(self, sha256: str, asked: Any, row: Mapping[str, Any]) -> None:
        record = {"asked": asked, "row": {"sha256": sha256, **row}}
        self.store.publish(_name(sha256, "json"), json.dumps(record, ensure_ascii=False).encode())

    def reopen(self) -> None:
        """From now on the folder is not done."""
        self.store.remove(TABLE)

    def finish(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write ``prepared.parquet``: the folder is done."""
        with self.store.writer(TABLE) as sink, pq.ParquetWriter(sink, PREPARED_SCHEMA) as writer:
            left = iter(rows)
            while some := list(islice(left, _ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pylist(some, schema=PREPARED_SCHEMA))


_PICTURES, _MEMBERS = ("image", "anatomy", "lesions"), (IMAGE, ANATOMY_MASKS, LESION_MASKS)


def read_prepared(folder: Path, columns: Sequence[str] = PREPARED_SCHEMA.names) -> Iterator[dict[str, Any]]:
    """Some columns of ``prepared.parquet``'s rows without an error, a thousand in memory at a time.

    :raises DatasetError: when the folder is not done, or the table is broken or of another version.
    """
    store = Store(folder)
    if not store.exists(TABLE):
        raise DatasetError(f"{folder}: no {TABLE}, expected a folder that `synthorax prepare` has finished")
    try:
        file = open_parquet(store.read(TABLE))
    except pa.ArrowException as error:
        raise DatasetError(f"{folder}/{TABLE}: broken Parquet file: {error}") from error
    if not file.schema_arrow.equals(PREPARED_SCHEMA):
        raise DatasetError(
            f"{folder}/{TABLE}: columns of another version, expected {VERSION}: prepare it again"
        )
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(dict.fromkeys((*columns, "error")))):
        for row in batch.to_pylist():
            if not row["error"]:
                yield {name: row[name] for name in columns}


def _described(film: PreparedFilm) -> dict[str, Any]:
    """The columns that say what a film shows, in JSON's types."""
    return {
        "kind": film.kind,
        "size": int(film.image.shape[0]),
        "prompt": film.prompt,
        "labelled": film.labelled,
        "findings": [asdict(request) for request in film.findings],
        **asdict(film.who),
        "instances": [
            {"finding": lesion.finding, "bbox": list(lesion.box), "area": int(lesion.mask.sum())}
            for lesion in film.masks.lesions
        ],
        "probabilities": {n: round(float(p), 6) for n, p in film.probabilities.items()},
        "lung_score": round(film.lung_score, 6),
    }


def _name(sha256: str, member: str) -> str:
    return f"films/{sha256[:2]}/{sha256}.{member}"
