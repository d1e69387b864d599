import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.parts import open_parquet, read_part
from manifests.schema import part_schema


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
