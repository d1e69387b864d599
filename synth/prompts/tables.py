"""Prompts as they lie in files: CSV, Parquet and JSON lines by columns, text by lines."""

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from synth.errors import UserError
from synth.folders import open_inside
from synth.prompts.json_lines import read_objects
from synth.terminal import shown

#: Bytes of a table, and of the cells that are read of it; and rows. A dataset has no more prompts.
MOST_BYTES, MOST_ROWS = 1 << 28, 1 << 20
#: Rows of a Parquet file that are unpacked at once: a few bytes can stand for very long cells.
_AT_ONCE = 256
#: What a column may be called; case, spaces, dashes and underscores do not matter.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "text", "report", "impression", "caption"),
    "age": ("age", "patient age"),
    "sex": ("sex", "gender", "patient sex", "patient gender"),
    "view": ("view", "view position", "projection"),
    "findings": ("findings", "finding labels", "labels"),
    "image": ("image", "image index", "image name", "image file", "file name", "filename", "path"),
}
NOTHING: Mapping[str, str] = {}
_MEANING = {name.replace(" ", ""): column for column, names in COLUMNS.items() for name in names}
#: Escape sequences of terminals, and control characters but tab and line breaks.
_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
#: What may stand between a CSV file's cells: spreadsheets of many countries write semicolons.
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Cells:
    """One row: where it stands, for errors, and its cells by COLUMNS; "" where empty."""

    where: str
    values: Mapping[str, str]


def read_cells(path: Path, named: Mapping[str, str] = NOTHING) -> tuple[list[Cells], tuple[str, ...]]:
    """The rows of a file, and the names of the columns that are not read.

    ``named`` says what the file calls some of COLUMNS, in place of what they may be called.

    Raises UserError in one line, that names file and line, and OSError.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path, named)
    if suffix == ".csv":
        return _read_csv(path, named)
    if suffix == ".jsonl":
        return _read_jsonl(path, named)
    if suffix == ".txt":
        if named:
            raise UserError(f"{path}: columns are named, expected none of .txt, which has lines")
        lines = enumerate(read_text(path).splitlines(), 1)
        rows = [Cells(f"{path}: line {n}", {"prompt": clean(t)}) for n, t in lines if t.strip()]
        _check_rows(path, len(rows))
        return rows, ()
    raise UserError(f"{path}: {suffix or 'no suffix'}, expected .csv, .parquet, .jsonl or .txt")


def clean(text: str) -> str:
    """Text without terminal escapes and control characters, trimmed: they say nothing and hide words."""
    return _CONTROLS.sub("", text).strip()


def read_text(path: Path) -> str:
    """A UTF-8 file, with or without a byte order mark. UserError names the line that is none, and tells a
    file of more than MOST_BYTES."""
    with _opened(path) as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line}: byte 0x{data[error.start]:02x}, expected UTF-8 text"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file of at most MOST_BYTES: a pipe might never end."""
    there = path.resolve()
    with open_inside(there.parent, there.name) as file:
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise _too_large(path)
        yield file


def _too_large(path: Path) -> UserError:
    return UserError(f"{path}: more than {MOST_BYTES >> 20} MiB, expected a smaller table of prompts")


def _check_rows(path: Path, count: int) -> None:
    if count > MOST_ROWS:
        raise UserError(f"{path}: more than {MOST_ROWS} rows, expected a smaller table of prompts")


def _read_csv(path: Path, named: Mapping[str, str]) -> tuple[list[Cells], tuple[str, ...]]:
    text = read_text(path)
    if not text.strip():
        return [], ()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, named), strict=True)
    rows: list[Cells] = []
    try:
        head = [clean(name) for name in next(reader)]
        meaning, ignored = _columns(path, head, named)
        for cells in reader:
            where = f"{path}: line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(head):
                raise UserError(f"{where}: {len(cells)} cells, expected {len(head)}")
            _check_rows(path, len(rows) + 1)
            rows.append(Cells(where, {m: clean(c) for m, c in zip(meaning, cells, strict=True) if m}))
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}, expected a CSV file") from error
    return rows, ignored


def _delimiter(text: str, named: Mapping[str, str]) -> str:
    """The first of _DELIMITERS that leaves a column for the prompt; the comma where none does."""
    for delimiter in _DELIMITERS:
        head = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        if "prompt" in (_meaning(clean(name), named) for name in head):
            return delimiter
    return _DELIMITERS[0]


def _read_jsonl(path: Path, named: Mapping[str, str]) -> tuple[list[Cells], tuple[str, ...]]:
    """Names that an object lacks are empty cells."""
    objects = list(read_objects(path, read_text(path)))
    if not objects:
        return [], ()
    _check_rows(path, len(objects))
    names = list(dict.fromkeys(name for _, values in objects for name in values))
    meaning, ignored = _columns(path, names, named)
    columns = {m: n for n, m in zip(names, meaning, strict=True) if m}
    return [
        Cells(where, {m: clean(values.get(n, "")) for m, n in columns.items()}) for where, values in objects
    ], ignored


def _read_parquet(path: Path, named: Mapping[str, str]) -> tuple[list[Cells], tuple[str, ...]]:
    from pyarrow import ArrowException, parquet, types

    with _opened(path):
        pass
    try:
        file = parquet.ParquetFile(path)
        schema = file.schema_arrow
        meaning, ignored = _columns(path, schema.names, named)
        wanted = {m: name for m, name in zip(meaning, schema.names, strict=True) if m}
        if "image" in wanted and not types.is_string(schema.field(wanted["image"]).type):
            ignored = (*ignored, wanted.pop("image"))  # pictures, where a name is expected
        _check_rows(path, file.metadata.num_rows)
        return _parquet_rows(path, file, wanted), ignored
    except (ArrowException, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a Parquet file, expected one with this suffix") from error


def _parquet_rows(path: Path, file: Any, wanted: Mapping[str, str]) -> list[Cells]:
    """The cells of the columns that are read, unpacked some rows at a time and never more than MOST_BYTES."""
    rows: list[Cells] = []
    size = 0
    for batch in file.iter_batches(_AT_ONCE, columns=list(wanted.values())):
        size += batch.nbytes
        if size > MOST_BYTES:
            raise _too_large(path)
        columns = {m: batch.column(name).to_pylist() for m, name in wanted.items()}
        for n in range(batch.num_rows):
            cells = {m: _cell(values[n]) for m, values in columns.items()}
            rows.append(Cells(f"{path}: row {len(rows) + 1}", cells))
    return rows


def _cell(value: Any) -> str:
    return "" if value is None else clean(str(value))


def _columns(
    path: Path, names: Sequence[str], named: Mapping[str, str]
) -> tuple[list[str | None], tuple[str, ...]]:
    """What each column means, None where nothing; and the names of the latter."""
    for column, name in named.items():
        if name not in names:
            raise UserError(
                f"{path}: no column {shown(name)!r}, expected the one that columns.{column} names; there are "
                f"{shown(', '.join(names))}"
            )
    meaning = [_meaning(name, named) for name in names]
    for column in COLUMNS:
        same = [n for n, m in zip(names, meaning, strict=True) if m == column]
        if len(same) > 1:
            raise UserError(f"{path}: columns {', '.join(same)}, expected one for {column}")
    if "prompt" not in meaning:
        raise UserError(f"{path}: columns {', '.join(names)}, expected one named 'prompt'")
    return meaning, tuple(n for n, m in zip(names, meaning, strict=True) if m is None)


def _meaning(name: str, named: Mapping[str, str]) -> str | None:
    """One of COLUMNS: the one that is named so, or else, unless another is named for it, that may be."""
    for column, told in named.items():
        if told == name:
            return column
    usual = _MEANING.get(re.sub(r"[\s_-]+", "", name).lower())
    return None if usual in named else usual
