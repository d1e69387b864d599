"""The samples of one build that fit a choice, found by its commits and rows alone."""

import pickle
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from manifests.commits import Commit, read_commits
from manifests.errors import DatasetError
from manifests.exporting.reading import teaches
from manifests.exporting.settings import SEEN
from manifests.exporting.splits import Split, duplicate_pairs, plan_splits
from manifests.exporting.trust import lesion_trusts
from manifests.layout import SHARDS, tar_path
from manifests.loaders.choice import Choice
from manifests.loaders.offsets import read_offsets
from manifests.loaders.shards import ChosenShard, SourceBuild
from manifests.parts import read_part
from manifests.store import Store

#: What is kept in memory of a row; earlier versions' rows have fewer.
_COLUMNS = (
    *("key", "prompt", "unparsed", "findings", "complete", "age", "sex", "view"),
    *("pair", "source_sha256", "edit", "width", "height", "instances"),
)


def chosen_shards(build: SourceBuild, choice: Choice) -> Iterator[ChosenShard]:
    """Those of a build that hold a sample that fits.

    :raises DatasetError: where nothing is accepted yet, or a shard is not what its commit says.
    """
    store = build.store
    commits = list(read_commits(store).values())
    _check_tars(store, commits)
    pairs = duplicate_pairs(store, commits)
    splits = plan_splits(store, commits, choice.settings, pairs)
    if not choice.near_duplicates:
        splits |= dict.fromkeys((later for later, _ in pairs), None)
    for commit in commits:
        if commit.accepted and len(shard := _chosen(build, commit, splits, choice)):
            yield shard


def _check_tars(store: Store, commits: Sequence[Commit]) -> None:
    """By their sizes, before the first sample is asked for: hours later would be too late.

    :raises DatasetError: where one differs from its commit, or nothing is accepted yet.
    """
    if not any(commit.accepted for commit in commits):
        raise DatasetError(f"{store.url}: no sample is accepted yet, expected at least one")
    sizes = store.sizes(SHARDS)
    for commit in commits:
        path = tar_path(commit.shard)
        if path in commit.files and (size := sizes.get(path)) != (expected := commit.files[path].bytes):
            there = "is missing" if size is None else f"has {size} bytes"
            raise DatasetError(
                f"{store.url}/{path}: {there}, expected {expected} bytes by its commit; the same build makes "
                "it again"
            )


def _chosen(
    build: SourceBuild, commit: Commit, splits: Mapping[str, Split | None], choice: Choice
) -> ChosenShard:
    rows = read_part(build.store, commit, embedding=False).to_pylist()
    spans = _spans(build, commit, [row["key"] for row in rows if row["status"] == "accepted"])
    keys, kept, pickled = [], [], []
    for row in rows:
        key, split = row["key"], splits[row["key"]]
        if key not in spans or split is None or choice.split not in (None, split):
            continue
        if not teaches(row, choice.settings):
            continue
        trusts = lesion_trusts(row, choice.labels == SEEN)
        if choice.fits(row, trusts):
            keys.append(key)
            kept.append(split)
            pickled.append(pickle.dumps(({name: row[name] for name in _COLUMNS if name in row}, trusts)))
    places = np.array([spans[key] for key in keys], np.int64)
    return ChosenShard(
        build, commit.shard, tuple(keys), tuple(kept), pa.array(pickled, pa.large_binary()), places
    )


def _spans(build: SourceBuild, commit: Commit, accepted: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Key to first byte and end of each accepted sample of a shard.

    :raises DatasetError: where the tar holds others than the rows say.
    """
    path = tar_path(commit.shard)
    if path not in commit.files:
        raise DatasetError(
            f"{build.url}/{path}: its commit does not name it, expected {len(accepted)} samples"
        )
    offsets = read_offsets(build.store, commit)
    if odd := set(accepted) ^ offsets.starts.keys():
        raise DatasetError(
            f"{build.url}/{path}: {min(odd)} stands there or in {commit.part}, expected both or neither"
        )
    return dict(zip(offsets.starts, offsets.spans, strict=True))
