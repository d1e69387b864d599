"""The manifest's rows, read through commits (never by listing files)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.commits import Commit, read_commits
from manifests.errors import DatasetError
from manifests.layout import MANIFEST
from manifests.rows import check_rows
from manifests.schema import (
    EMBEDDING,
    SHIPPED_COLUMNS,
    filter_columns,
    filter_fields,
    manifest_schema,
    own_columns,
    part_schema,
    version_of,
)
from manifests.store import Store


def open_parquet(data: bytes) -> pq.ParquetFile:
    """A Parquet file of which all bytes are here; ``pa.ArrowException`` when it is broken.

    It reads a copy in Arrow's own memory: a thread of Arrow may hold what it has read for longer than the
    interpreter lives, and giving Python's back then aborts the process (apache/arrow, issue 34314).
    """
    copy = pa.BufferOutputStream()
    copy.write(data)
    return pq.ParquetFile(pa.BufferReader(copy.getvalue()))


def read_part(
    store: Store, commit: Commit, columns: Sequence[str] | None = None, embedding: bool = True
) -> pa.Table:
    """The rows of one shard; those columns named, or all, with or without the ``embedding``.

    :raises DatasetError: when the part is broken or has other columns than this version's.
    """
    data = store.read(commit.part)
    with broken_parquet(commit.part):
        file = open_parquet(data)
        whole = part_schema(own_columns(file.schema_arrow), version_of(file.schema_arrow))
        _check_count(file, commit.candidates, len(data))
        if columns is None and not embedding:
            columns = [name for name in whole.names if name != EMBEDDING]
        expected = whole if columns is None else pa.schema([whole.field(c) for c in columns])
        return _read(file, columns, expected, commit.part)


def read_merged(data: bytes, rows: int, path: str = MANIFEST) -> pa.Table:
    """The rows of the merged manifest, of which there shall be so many.

    Columns of a filter that ships, but did not when it was written, may be missing.

    :raises DatasetError: when it is broken or has other columns than this version's.
    """
    with broken_parquet(path):
        file = open_parquet(data)
        _check_count(file, rows, len(data))
        there = file.schema_arrow
        later = [name for name in SHIPPED_COLUMNS if name not in filter_columns(there)]
        absent = {f.name for name in later for f in filter_fields(name)}
        whole = manifest_schema(own_columns(there), version_of(there))
        return _read(file, None, pa.schema([f for f in whole if f.name not in absent]), path)


@contextmanager
def broken_parquet(path: str) -> Iterator[None]:
    """Say in one line what Arrow raises over a file that it cannot read."""
    try:
        yield
    except DatasetError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"{path}: broken Parquet file: {said}") from error


def _check_count(file: pq.ParquetFile, rows: int, size: int) -> None:
    """Before anything is read: a few bytes can stand for more rows than there is memory."""
    if file.metadata.num_rows != rows:
        raise ValueError(f"{file.metadata.num_rows} rows, expected {rows}")
    if rows > max(size, 1):
        raise ValueError(f"{rows} rows in {size} bytes, expected no more rows than bytes")


def _read(file: pq.ParquetFile, columns: Sequence[str] | None, expected: pa.Schema, path: str) -> pa.Table:
    if columns is not None and (absent := [c for c in columns if c not in file.schema_arrow.names]):
        raise DatasetError(
            f"{path}: its columns are not those of this schema version, {absent[0]!r} is missing"
        )
    table = file.read(columns)
    if not table.schema.equals(expected):
        raise DatasetError(f"{path}: its columns are not those of this schema version")
    table.validate(full=True)  # text that is no UTF-8 would raise wherever it is looked at
    check_rows(table, path)
    return table


def read_rows(store: Store, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of all committed shards in the order of their keys, without the embedding.

    Serves a build that is still going on as well as a finished one.
    """
    return rows_of(store, list(read_commits(store).values()), columns)


def rows_of(store: Store, commits: Sequence[Commit], columns: Sequence[str] | None = None) -> pa.Table:
    """As :func:`read_rows`, of some shards."""
    tables = [_rows(store, commit, columns) for commit in commits]
    if not tables:
        schema = manifest_schema()
        return pa.schema([schema.field(n) for n in columns or schema.names]).empty_table()
    with broken_parquet("parts"):  # whose own filters may differ
        return pa.concat_tables(tables)


def iter_rows(store: Store, commits: Sequence[Commit], at_least: int) -> Iterator[pa.Table]:
    """The manifest's rows in tables of at least so many rows (the last may have fewer)."""
    waiting: list[pa.Table] = []
    for commit in commits:
        waiting.append(_rows(store, commit))
        if sum(t.num_rows for t in waiting) >= at_least:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _rows(store: Store, commit: Commit, columns: Sequence[str] | None = None) -> pa.Table:
    """A part's rows as the manifest has them: without the embedding, with the manifest's metadata."""
    table = read_part(store, commit, columns, embedding=False)
    schema = table.schema
    return table.replace_schema_metadata(manifest_schema(own_columns(schema), version_of(schema)).metadata)
