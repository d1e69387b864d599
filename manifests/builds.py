"""A dataset from its start (:func:`open_build`) to its end (:func:`finalise`)."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from manifests import layout
from manifests.card import dataset_card
from manifests.commits import Commit, read_commits
from manifests.croissant import croissant
from manifests.duplicates import near_duplicates
from manifests.errors import DatasetError
from manifests.exports.registry import EXPORTS
from manifests.identity import open_build, read_build
from manifests.index import Index, ListedShard, count_rows, make_index, read_index
from manifests.parts import iter_rows
from manifests.schema import filter_columns, manifest_schema, own_columns
from manifests.shards import PARQUET_OPTIONS
from manifests.shortages import shortages
from manifests.store import FileInfo, Store
from synth.scratch import scratch_folder

__all__ = ["Index", "finalise", "open_build", "read_build", "read_index"]

#: Fewest rows of a row group in the merged manifest.
ROW_GROUP = 8192


def finalise(store: Store) -> Index:
    """Merge what is committed and add list, export, cards and index; the same bytes each time.

    The index comes last and is what readers trust: it is taken away before anything that it
    speaks of changes, and nothing is written when all of it is up to date.

    :raises DatasetError: when nothing is committed, or commits stem from different builds.
    """
    build, commits = read_build(store), list(read_commits(store).values())
    if not commits:
        raise DatasetError(f"{store.url}: no shard is committed, expected at least one")
    with scratch_folder() as folder:
        names = (*layout.FINAL, *(export.file for export in EXPORTS))
        made = {name: folder / name for name in names}
        _write_manifest(store, commits, made[layout.MANIFEST])
        counts = count_rows(_batches(made[layout.MANIFEST]))
        pairs = near_duplicates(store, commits)
        left_out = len(set(pairs["key"].to_pylist()))
        pq.write_table(pairs, made[layout.NEAR_DUPLICATES], **PARQUET_OPTIONS)
        for export in EXPORTS:
            with made[export.file].open("wb") as stream:
                stream.writelines(export.lines(_batches(made[layout.MANIFEST]), counts.seldom or {}))
        judged_by = filter_columns(pq.read_schema(made[layout.MANIFEST]))
        short = shortages(build, counts, lambda: _batches(made[layout.MANIFEST]))
        made[layout.CARD].write_text(dataset_card(build, counts, left_out, judged_by, short), "utf-8")
        files = {name: _info(path) for name, path in made.items() if path.exists()}
        shards = [ListedShard.of(commit) for commit in commits]
        made[layout.CROISSANT].write_bytes(croissant(build, counts, shards, files))
        files[layout.CROISSANT] = _info(made[layout.CROISSANT])
        index = make_index(commits, counts, left_out, files)
        _publish(store, made, index)
    return index


def _publish(store: Store, made: dict[str, Path], index: Index) -> None:
    present = store.exists(layout.INDEX) and store.read(layout.INDEX)
    stale = [
        name for name, path in made.items() if not (store.exists(name) and store.info(name) == _info(path))
    ]
    if present == index.to_json() and not stale:
        return
    store.remove(layout.INDEX)
    for name in stale:
        store.publish(name, made[name])
    store.publish(layout.INDEX, index.to_json())


def _write_manifest(store: Store, commits: list[Commit], path: Path) -> None:
    tables = iter_rows(store, commits, ROW_GROUP)
    first = next(tables)
    schema = manifest_schema(own_columns(first.schema))
    with pq.ParquetWriter(path, schema, **PARQUET_OPTIONS) as writer:
        for table in chain([first], tables):
            writer.write_table(table)


def _batches(path: Path) -> Iterator[pa.Table]:
    """The merged manifest, a row group at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)


def _info(path: Path) -> FileInfo:
    return Store(path.parent).info(path.name)
