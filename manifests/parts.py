"""The manifest's rows, read through commits (never by listing files)."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.commits import Commit, read_commits
from manifests.errors import DatasetError
from manifests.schema import MANIFEST_SCHEMA, PART_SCHEMA
from manifests.store import Store


def open_parquet(data: bytes) -> pq.ParquetFile:
    """A Parquet file of which all bytes are here; ``pa.ArrowException`` when it is broken.

    It reads a copy in Arrow's own memory: a thread of Arrow may hold what it has read for longer than the
    interpreter lives, and giving Python's back then aborts the process (apache/arrow, issue 34314).
    """
    copy = pa.BufferOutputStream()
    copy.write(data)
    return pq.ParquetFile(pa.BufferReader(copy.getvalue()))


def read_part(store: Store, commit: Commit, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one shard; all columns, or those named.

    :raises DatasetError: when the part is broken or has other columns than this version's.
    """
    try:
        table = open_parquet(store.read(commit.part)).read(columns)
    except pa.ArrowException as error:
        raise DatasetError(f"{commit.part}: broken Parquet file: {error}") from error
    expected = PART_SCHEMA if columns is None else pa.schema([PART_SCHEMA.field(c) for c in columns])
    if not table.schema.equals(expected):
        raise DatasetError(f"{commit.part}: its columns are not those of this schema version")
    return table


def read_rows(store: Store, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of all committed shards in the order of their keys, without the embedding.

    Serves a build that is still going on as well as a finished one.
    """
    names = list(columns) if columns is not None else MANIFEST_SCHEMA.names
    tables = [read_part(store, commit, names) for commit in read_commits(store).values()]
    schema = pa.schema([MANIFEST_SCHEMA.field(n) for n in names])
    if not tables:
        return schema.empty_table()
    return pa.concat_tables(tables).replace_schema_metadata(MANIFEST_SCHEMA.metadata)


def iter_rows(store: Store, commits: Sequence[Commit], at_least: int) -> Iterator[pa.Table]:
    """The manifest's rows in tables of at least so many rows (the last may have fewer)."""
    waiting: list[pa.Table] = []
    for commit in commits:
        waiting.append(read_part(store, commit, MANIFEST_SCHEMA.names))
        if sum(t.num_rows for t in waiting) >= at_least:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
