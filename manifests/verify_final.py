"""Is what finalising added what the committed shards make?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from manifests import layout
from manifests.card import dataset_card
from manifests.commits import Commit
from manifests.croissant import croissant, read_fields
from manifests.duplicates import SCHEMA, near_duplicates
from manifests.errors import DatasetError
from manifests.exports.registry import EXPORTS
from manifests.identity import build_hash
from manifests.index import Counts, Index, ListedShard, count_rows, read_index
from manifests.parts import broken_parquet, open_parquet, read_merged, rows_of
from manifests.problems import Problem, problem
from manifests.schema import filter_columns
from manifests.shortages import shortages
from manifests.store import Store
from manifests.verify_shard import check_file
from synth.errors import UserError
from synth.strict_yaml import parse_yaml

#: Cosine distances are compared so far: the last bits depend on the machine.
_CLOSE = 1e-6


def verify_final(
    store: Store,
    build: Mapping[str, Any],
    commits: Mapping[int, Commit],
    sizes: Mapping[str, int],
    found: Sequence[Problem],
) -> Iterator[Problem]:
    """What is wrong with index, merged manifest, lists and card; ``found`` is what else is wrong."""
    try:
        index = read_index(store)
    except DatasetError as error:
        yield problem(layout.INDEX, error)
        return
    if index is None:
        if made := [name for name in layout.FINAL if name in sizes]:
            yield Problem(layout.INDEX, f"is missing, expected beside {made[0]}")
        return
    problems = list(_verify_index(index, build, commits, {p.path for p in found}))
    problems += [p for name, info in index.files.items() for p in check_file(store, name, info, sizes)]
    yield from problems
    if not found and not any(not p.note for p in problems):
        listed = [commits[s.shard] for s in index.shards]
        yield from _verify_content(store, build, index, listed)


def _verify_index(
    index: Index, build: Mapping[str, Any], commits: Mapping[int, Commit], told: set[str]
) -> Iterator[Problem]:
    if (index.build_hash, index.schema_version) != (build_hash(build), build.get("schema_version")):
        yield Problem(layout.INDEX, "is of another build or schema version")
    numbers = [listed.shard for listed in index.shards]
    if numbers != sorted(set(numbers)):
        yield Problem(layout.INDEX, "lists shards twice or out of order")
    for listed in index.shards:
        path = layout.commit_path(listed.shard)
        if listed.shard not in commits:
            if path not in told:
                yield Problem(path, f"is missing, expected as {layout.INDEX} lists it")
        elif listed != ListedShard.of(commits[listed.shard]):
            yield Problem(layout.INDEX, f"shard {listed.shard} is not what its commit says")
    if unlisted := commits.keys() - set(numbers):
        yield Problem(
            layout.INDEX,
            f"lists {len(numbers)} shards, {len(numbers) + len(unlisted)} are committed: finalise again",
            True,
        )


def _verify_content(
    store: Store, build: Mapping[str, Any], index: Index, commits: list[Commit]
) -> Iterator[Problem]:
    rows = rows_of(store, commits)
    try:
        if not _same(read_merged(store.read(layout.MANIFEST), rows.num_rows), rows):
            yield Problem(layout.MANIFEST, "its rows are not those of the parts")
    except DatasetError as error:
        yield problem(layout.MANIFEST, error)
    counts = count_rows([rows])
    yield from _verify_counts(index.counts, counts)
    try:
        pairs = near_duplicates(store, commits)
        if not _same_pairs(_read_pairs(store), pairs):
            yield Problem(layout.NEAR_DUPLICATES, "its pairs are not those of the embeddings")
    except DatasetError as error:
        yield problem(layout.NEAR_DUPLICATES, error)
        return
    left_out = len(set(pairs["key"].to_pylist()))
    if left_out != index.near_duplicates:
        yield Problem(layout.INDEX, f"near_duplicates is {index.near_duplicates}, expected {left_out}")
    seldom = index.counts.seldom or {}
    for export in EXPORTS:
        if export.file in index.files and store.read(export.file) != b"".join(export.lines([rows], seldom)):
            yield Problem(export.file, "is not what the parts export")
    yield from _verify_card(store, build, counts, left_out, rows)
    if layout.CROISSANT in index.files:
        expected = croissant(build, counts, index.shards, index.files)
        yield from _verify_croissant(store.read(layout.CROISSANT), expected)


def _verify_counts(found: Counts, expected: Counts) -> Iterator[Problem]:
    """Those of an earlier version do not say which findings are seldom accepted."""
    if found.seldom is None:
        yield Problem(layout.INDEX, "does not say which findings are seldom accepted: finalise again", True)
        expected = replace(expected, seldom=None)
    if found != expected:
        yield Problem(layout.INDEX, "its counts are not those of the parts")


def _read_pairs(store: Store) -> pa.Table:
    data = store.read(layout.NEAR_DUPLICATES)
    with broken_parquet(layout.NEAR_DUPLICATES):
        table = open_parquet(data).read()
        table.validate(full=True)
    return table


def _same_pairs(found: pa.Table, expected: pa.Table) -> bool:
    if found.schema != SCHEMA or found.num_rows != expected.num_rows:
        return False
    keys = [name for name in SCHEMA.names if name != "distance"]
    there, wanted = (np.asarray(table["distance"].to_pylist(), float) for table in (found, expected))
    close = np.allclose(there, wanted, rtol=0, atol=_CLOSE)
    return found.select(keys).equals(expected.select(keys)) and close


def _verify_card(
    store: Store, build: Mapping[str, Any], counts: Counts, left_out: int, rows: pa.Table
) -> Iterator[Problem]:
    """Programs read the front matter; the text below it may be another version's."""
    found = store.read(layout.CARD)
    try:
        short = shortages(build, counts, lambda: [rows])
    except DatasetError as error:
        yield problem(layout.BUILD, error)
        return
    expected = dataset_card(build, counts, left_out, filter_columns(rows.schema), short)
    if found == expected.encode():
        return
    if _front_matter(found) != _front_matter(expected.encode()):
        yield Problem(layout.CARD, "its front matter is not that of this dataset")
    else:
        yield Problem(layout.CARD, "is not the card that this version writes: finalise again", True)


def _verify_croissant(found: bytes, expected: bytes) -> Iterator[Problem]:
    """As :func:`_verify_card`."""
    if found == expected:
        return
    if read_fields(found) != read_fields(expected):
        yield Problem(layout.CROISSANT, "its files, records or licence are not those of this dataset")
    else:
        yield Problem(layout.CROISSANT, "is not in the words of this version: finalise again", True)


def _front_matter(card: bytes) -> str | None:
    """In one spelling; None where there is none."""
    _, fence, rest = card.decode("utf-8", "replace").partition("---\n")
    front, end, _ = rest.partition("\n---")
    if not (fence and end):
        return None
    try:
        return repr(parse_yaml(front))
    except UserError:
        return None


def _same(a: pa.Table, b: pa.Table) -> bool:
    """Equal tables, NaN being equal to itself."""
    if not a.schema.equals(b.schema, check_metadata=True) or a.num_rows != b.num_rows:
        return False
    return all(
        x.equals(y) or x.to_pylist().__repr__() == y.to_pylist().__repr__()
        for x, y in zip(a.combine_chunks().columns, b.combine_chunks().columns, strict=True)
    )
