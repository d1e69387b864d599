import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.index import count_rows
from manifests.labels import expected_labels
from manifests.parts import open_parquet, read_merged, read_part, read_rows
from manifests.schema import EARLIEST, SCHEMA_VERSION, SINCE, manifest_schema, part_schema


def test_arrow_s_threads_hold_no_memory_of_the_interpreter_s(store):
    data = store.read(read_commits(store)[0].part)
    held = sys.getrefcount(data)
    file = open_parquet(data)
    table = file.read()
    assert sys.getrefcount(data) == held
    assert table.num_rows == 10


def test_columns_come_in_the_order_that_they_are_asked_for(store):
    commit = read_commits(store)[1]
    whole = read_part(store, commit)
    assert whole.column_names == part_schema().names
    some = read_part(store, commit, ["status", "embedding", "key"])
    assert some.equals(whole.select(["status", "embedding", "key"]))


@pytest.mark.parametrize("columns", [None, ["key", "status"]])
def test_a_part_of_another_version_or_broken_is_told(store, columns):
    commit = read_commits(store)[0]
    path = store.path(commit.part)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["status"]), path)
    with pytest.raises(DatasetError, match="its columns are not those of this schema version"):
        read_part(store, commit, columns)
    os.truncate(path, 100)
    with pytest.raises(DatasetError, match="broken Parquet file"):
        read_part(store, commit, columns)
    with pytest.raises(pa.ArrowException):
        open_parquet(b"")


@pytest.mark.parametrize("damage", ["pages", "text"])
def test_a_part_that_is_none_inside_is_told_whatever_arrow_raises(store, damage):
    commit = read_commits(store)[0]
    path = Path(store.path(commit.part))
    if damage == "pages":
        data = bytearray(path.read_bytes())
        data[4:400] = bytes(396)
        path.write_bytes(data)
        with pytest.raises(OSError, match="thrift"):
            pq.read_table(path)
    else:
        table = pq.read_table(path)
        text = pa.array([b"\xff\xfe"] * table.num_rows, pa.binary()).view(pa.string())
        at = table.column_names.index("prompt")
        pq.write_table(table.set_column(at, table.schema.field(at), text), path)
        with pytest.raises(UnicodeDecodeError):
            pq.read_table(path)["prompt"].to_pylist()
    with pytest.raises(DatasetError, match="broken Parquet file") as told:
        read_part(store, commit)
    assert "\n" not in str(told.value)


def written(table):
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes()


def test_a_manifest_of_an_earlier_version_is_read_without_the_columns_that_came_later(store):
    now = read_rows(store)
    older = now.drop_columns([*SINCE]).replace_schema_metadata(manifest_schema(version=EARLIEST).metadata)
    table = read_merged(written(older), older.num_rows)
    assert table.schema.equals(older.schema, check_metadata=True)
    assert table["key"].equals(older["key"])
    counts = count_rows([table])  # nothing was known of these then
    assert (counts.incomplete, counts.draws) == ({"asked": 0, "accepted": 0}, [])
    row = next(r for r in table.to_pylist() if r["status"] == "accepted")
    labels = expected_labels(row, np.zeros((5, row["height"], row["width"]), bool), ())
    assert labels.keys().isdisjoint(SINCE)


@pytest.mark.parametrize("version", [EARLIEST - 1, SCHEMA_VERSION + 1, "new"])
def test_a_manifest_of_a_version_that_is_not_known_is_told(store, version):
    table = read_rows(store)
    other = table.replace_schema_metadata((table.schema.metadata or {}) | {b"schema_version": str(version)})
    with pytest.raises(DatasetError, match=f"schema_version: '{version}', expected {EARLIEST} to"):
        read_merged(written(other), other.num_rows)
