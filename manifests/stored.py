"""One candidate of a build by its key: its row, and its pictures where a tar holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manifests import layout
from manifests.commits import Commit, read_commits
from manifests.errors import DatasetError
from manifests.members import PICTURES, decode_png
from manifests.parts import read_part
from manifests.store import Store
from manifests.tars import read_samples


@dataclass(frozen=True)
class StoredCandidate:
    """``row`` of the manifest, and ``pictures`` as (H, W) pixels by their extension; none without a tar."""

    row: Mapping[str, Any]
    pictures: Mapping[str, np.ndarray] = field(repr=False)


def stored_candidate(store: Store, key: str) -> StoredCandidate:
    """What is committed of one candidate.

    :raises DatasetError: when no committed shard holds it, or its files cannot be read.
    """
    for commit in read_commits(store).values():
        if commit.first_key <= key <= commit.last_key:
            for row in read_part(store, commit, embedding=False).to_pylist():
                if row["key"] == key:
                    return StoredCandidate(row, _pictures(store, commit, row))
    raise DatasetError(f"key: {key[:80]!r}, expected nine digits that a committed shard of {store.url} holds")


def _pictures(store: Store, commit: Commit, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
    accepted = row["status"] == "accepted"
    path = (layout.tar_path if accepted else layout.rejected_path)(commit.shard)
    if path not in commit.files or row["status"] == "failed":
        return {}
    for key, members in read_samples(store, path):
        if key == row["key"]:
            shape = (row["height"], row["width"])
            return {name: decode_png(members[name], shape) for name in PICTURES if name in members}
    raise DatasetError(f"{path}: lacks {row['key']}, expected every sample that {commit.part} calls so")
