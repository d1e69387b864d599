"""Which dataset a figure was measured on: what ties evidence to a build, from its commits alone."""

from collections.abc import Mapping
from typing import Any

from manifests.canonical import digest
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.store import Store
from synth.terminal import shown


def build_identity(store: Store) -> dict[str, Any]:
    """What ``about["build"]`` of a file of figures holds: ``hash``, ``build_hash``, counts, and where it lay.

    ``hash`` is of every committed row (each names its image's SHA-256), the same wherever the folder lies,
    before and after finalising: a build that grew, or was made with other settings, has another.
    ``build_hash`` is the index's: of the settings, weights and software. Reads nothing but ``build.json``
    and the commits.

    :raises DatasetError: where there is no build, nothing is committed, or commits are of different builds.
    """
    read_build(store)
    commits = read_commits(store)
    if not commits:
        raise DatasetError(f"{shown(store.url)}: no shard is committed, expected at least one")
    hashes = {commit.build_hash for commit in commits.values()}
    if len(hashes) != 1:
        raise DatasetError(f"{shown(store.url)}: commits of {len(hashes)} builds, expected one")
    build_hash = hashes.pop()
    rows = [[shard, commit.files[commit.part].sha256] for shard, commit in commits.items()]
    return {
        "hash": digest([build_hash, rows]),
        "build_hash": build_hash,
        "candidates": sum(commit.candidates for commit in commits.values()),
        "accepted": sum(commit.accepted for commit in commits.values()),
        "path": store.url,
    }


def check_measured(about: Mapping[str, Any], identity: Mapping[str, Any], file: str) -> None:
    """Refuse figures whose ``about["build"]`` is of another dataset than ``identity``; ``file`` holds them.

    :raises DatasetError: where they are of another dataset, or do not say of which.
    """
    there = about.get("build")
    if not isinstance(there, Mapping) or not isinstance(there.get("hash"), str):
        raise DatasetError(f"{shown(file)}: about.build.hash is missing, expected figures of a build")
    if there["hash"] != identity["hash"]:
        raise DatasetError(
            f"{shown(file)}: measured on another build ({shown(str(there.get('path', '?')))}, "
            f"{there.get('accepted', '?')} accepted, {there['hash'][:12]}), expected {identity['hash'][:12]}"
        )
