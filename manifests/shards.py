"""One shard's files: tars and Parquet part first, the commit last."""

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from filters.filter import Filter
from filters.verdicts import Status
from manifests import layout
from manifests.commits import Commit, CommittedFile, read_commit, read_commits
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.marks import Origin
from manifests.members import encode_sample
from manifests.records import Record, records_table
from manifests.schema import SCHEMA_VERSION
from manifests.store import Store
from manifests.tars import write_samples

__all__ = ["Commit", "CommittedFile", "read_commit", "read_commits", "write_shard"]

#: Part of the bytes, like the PNG level.
PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "version": "2.6"}


def write_shard(
    store: Store,
    shard: int,
    records: Sequence[Record],
    provenance: Mapping[str, Any],
    keep_rejected: bool = True,
    own: Mapping[str, Filter] | None = None,
) -> Commit:
    """Write a shard and commit it; the same records give the same bytes.

    ``records``: one per candidate, keys rising. ``provenance`` is JSON-able and must not hold
    times or host names. ``own`` are filters that do not ship. A shard that is committed already is taken
    back first, with the dataset's index, so that no reader ever sees a commit that does not fit its files.

    :raises DatasetError: for records that make no shard, and for what the file system refuses.
    """
    _check_keys(shard, records)
    build = read_build(store)
    _take_back(store, shard)
    files: dict[str, CommittedFile] = {}
    origin = Origin.of(build)
    kept: list[tuple[str, Status]] = [(layout.tar_path(shard), "accepted")]
    if keep_rejected:
        kept.append((layout.rejected_path(shard), "rejected"))
    for path, status in kept:
        if chosen := [r for r in records if r.status == status]:
            files[path] = _write_tar(store, path, chosen, origin)
    part = layout.part_path(shard)
    files[part] = _write_part(store, part, records_table(shard, records, own))
    commit = Commit(
        shard=shard,
        first_key=records[0].case.key,
        last_key=records[-1].case.key,
        accepted=_count(records, "accepted"),
        rejected=_count(records, "rejected"),
        failed=_count(records, "failed"),
        files=files,
        schema_version=SCHEMA_VERSION,
        build_hash=origin.build,
        provenance=dict(provenance),
    )
    store.publish(layout.commit_path(shard), commit.to_json())
    return commit


def _take_back(store: Store, shard: int) -> None:
    if store.exists(layout.commit_path(shard)):
        take_back(store, shard)
    for path in _files(shard):
        store.remove(path)


def take_back(store: Store, shard: int) -> None:
    """Undo a commit, readable or not: index first, commit next, and only then the files they speak of."""
    for path in (layout.INDEX, layout.commit_path(shard), *_files(shard)):
        store.remove(path)


def _files(shard: int) -> tuple[str, str, str]:
    return layout.tar_path(shard), layout.rejected_path(shard), layout.part_path(shard)


def _write_tar(store: Store, path: str, records: Sequence[Record], origin: Origin) -> CommittedFile:
    with store.writer(path) as sink:
        samples = write_samples(sink, ((r.case.key, encode_sample(r, origin)) for r in records))
    return CommittedFile(sink.info.sha256, sink.info.bytes, samples)


def _write_part(store: Store, path: str, table: pa.Table) -> CommittedFile:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **PARQUET_OPTIONS)
    info = store.publish(path, buffer.getvalue())
    return CommittedFile(info.sha256, info.bytes, table.num_rows)


def _check_keys(shard: int, records: Sequence[Record]) -> None:
    keys = [r.case.key for r in records]
    if not keys:
        raise DatasetError(f"shard {shard}: no records, expected at least one")
    if any(a >= b for a, b in pairwise(keys)):
        raise DatasetError(f"shard {shard}: keys {keys[0]} to {keys[-1]} do not rise")


def _count(records: Sequence[Record], status: Status) -> int:
    return sum(r.status == status for r in records)
