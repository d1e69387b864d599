"""The manifest's rows, read through commits (never by listing files)."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.commits import Commit, read_commits
from manifests.errors import DatasetError
from manifests.schema import manifest_schema, own_columns, part_schema
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
    try:
        file = open_parquet(store.read(commit.part))
        whole = part_schema(own_columns(file.schema_arrow))
        if columns is None and not embedding:
            columns = manifest_schema(own_columns(whole)).names
        table = file.read(columns)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DatasetError(f"{commit.part}: broken Parquet file: {error}") from error
    expected = whole if columns is None else pa.schema([whole.field(c) for c in columns])
    if not table.schema.equals(expected):
        raise DatasetError(f"{commit.part}: its columns are not those of this schema version")
    return table


def read_rows(store: Store, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of all committed shards in the order of their keys, without the embedding.

    Serves a build that is still going on as well as a finished one.
    """
    tables = [_rows(store, commit, columns) for commit in read_commits(store).values()]
    if not tables:
        schema = manifest_schema()
        return pa.schema([schema.field(n) for n in columns or schema.names]).empty_table()
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
    return table.replace_schema_metadata(manifest_schema(own_columns(table.schema)).metadata)
