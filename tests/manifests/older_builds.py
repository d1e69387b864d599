"""Builds as earlier schema versions wrote them, made of one of today's."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from drawn_records import BUILD, draw_shard

from manifests import layout
from manifests.canonical import to_json
from manifests.commits import read_commits
from manifests.identity import build_hash, open_build, read_build
from manifests.marks import MARKED_SINCE, Origin, marked, marks
from manifests.members import sample_marks
from manifests.schema import SINCE, manifest_schema
from manifests.shards import PARQUET_OPTIONS, write_shard
from manifests.store import Store
from manifests.tars import read_samples, write_samples


def build_older(url: Any, version: int) -> Store:
    """Two shards of ten of that schema version, not finalised: later columns and marks gone."""
    store = Store(url)
    open_build(store, BUILD)
    for shard in range(2):
        write_shard(store, shard, draw_shard(shard), {"batch_size": 8})
    store.publish(layout.BUILD, to_json({**read_build(store), "schema_version": version}))
    origin = Origin.of(read_build(store)) if version >= MARKED_SINCE else None
    for shard, commit in read_commits(store).items():
        record = json.loads(commit.to_json())
        for path in commit.files:
            older = _part(store, path, version) if path == commit.part else _tar(store, path, version, origin)
            info = store.publish(path, older)
            record["files"][path] |= {"sha256": info.sha256, "bytes": info.bytes}
        record |= {"schema_version": version, "build_hash": build_hash(read_build(store))}
        store.publish(layout.commit_path(shard), to_json(record))
    return store


def unmarked(png: bytes) -> bytes:
    """A PNG without its mark, which stands behind the header."""
    (mark,) = marks(png)
    at = png.index(mark) + len(mark) + 4
    return png[:33] + png[at:]


def _part(store: Store, path: str, version: int) -> bytes:
    table = pq.read_table(io.BytesIO(store.read(path)))
    table = table.drop_columns([name for name, since in SINCE.items() if since > version])
    out = pa.BufferOutputStream()
    older = table.replace_schema_metadata(manifest_schema(version=version).metadata)
    pq.write_table(older, out, **PARQUET_OPTIONS)
    return out.getvalue().to_pybytes()


def _tar(store: Store, path: str, version: int, origin: Origin | None) -> bytes:
    out, samples = io.BytesIO(), []
    for key, members in read_samples(store, path):
        older = _members(members, version)
        if origin is not None:  # whose hash is another
            older |= {name: marked(older[name], mark) for name, mark in sample_marks(origin, key, "").items()}
        samples.append((key, older))
    write_samples(out, samples)
    return out.getvalue()


def _members(members: dict[str, bytes], version: int) -> dict[str, bytes]:
    labels = json.loads(members.pop("json"))
    for name, since in SINCE.items():
        if since > version:
            labels.pop(name, None)  # not all columns are labels too
    if version < SINCE["complete"] and labels["findings"][0]["name"] == "unknown":
        labels["findings"][0]["name"] = "no_finding"
    pictures = {extension: unmarked(data) for extension, data in members.items()}
    return {**pictures, "json": json.dumps(labels, ensure_ascii=False).encode()}
