"""Is a dataset what its commits say? Re-hash, recount, reopen, and make again what can be made again."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from manifests import layout
from manifests.commits import Commit, sound_commits
from manifests.errors import DatasetError
from manifests.identity import build_hash, read_build
from manifests.problems import Problem, problem
from manifests.shards import take_back
from manifests.store import Store, is_stray
from manifests.verify_final import verify_final
from manifests.verify_shard import verify_shard

__all__ = ["Problem", "repair", "verify", "verify_shard"]

_FOLDERS = (layout.SHARDS, layout.REJECTED, layout.PARTS, layout.COMMITS)
_OF_SHARD = re.compile(rf"(?:{'|'.join(_FOLDERS)})/([0-9]{{6,9}})\..*", re.DOTALL)


def verify(store: Store, expected: Iterable[int] | None = None) -> list[Problem]:
    """Everything wrong with a dataset, empty when it is whole; notes stand last.

    ``expected`` are the shards that must be there; without it those up to the last committed one, and those
    that the index lists. Reads every committed byte twice.

    :raises DatasetError: when the folder holds no dataset.
    """
    build = read_build(store)
    commits, broken = sound_commits(store)
    sizes = store.sizes()
    problems = [problem(layout.commit_path(shard), error) for shard, error in broken.items()]
    known = commits.keys() | broken.keys()
    wanted = set(range(max(known, default=-1) + 1)) if expected is None else set(expected)
    for shard in sorted(wanted - known):
        problems.append(Problem(layout.commit_path(shard), "is missing, expected for this shard"))
    hash_ = build_hash(build)
    for commit in commits.values():
        problems += _verify_commit(commit, hash_, build)
        problems += verify_shard(store, commit, sizes)
    problems += _verify_order(list(commits.values()))
    problems += verify_final(store, build, commits, sizes, problems)
    problems += _verify_folders(sizes)
    return [*problems, *_notes(sizes, commits, broken)]


def repair(store: Store, problems: Sequence[Problem]) -> list[int]:
    """Take back the shards that ``problems`` tell of, and the index: the same build then makes them again.

    Returns the shards that were committed.
    """
    damaged = [p for p in problems if not p.note]
    shards = {int(found[1]) for p in damaged if (found := _OF_SHARD.fullmatch(p.path))}
    committed = [s for path in store.list(layout.COMMITS) if (s := layout.shard_of(path)) is not None]
    with store.lock():
        for shard in sorted(shards):
            take_back(store, shard)
        if damaged:
            store.remove(layout.INDEX)
    return sorted(shards & set(committed))


def _verify_commit(commit: Commit, hash_: str, build: Mapping[str, object]) -> Iterator[Problem]:
    path = layout.commit_path(commit.shard)
    if commit.build_hash != hash_:
        yield Problem(path, "is of another build")
    elif commit.schema_version != build.get("schema_version"):
        expected = build.get("schema_version")
        yield Problem(path, f"schema_version is {commit.schema_version}, expected {expected}")
    elif commit.provenance.get("config_hash", build["config_hash"]) != build["config_hash"]:
        yield Problem(path, "provenance.config_hash is not the build's")


def _verify_order(commits: list[Commit]) -> Iterator[Problem]:
    for before, after in pairwise(commits):
        path = layout.commit_path(after.shard)
        if after.first_key <= before.last_key:
            yield Problem(
                path, f"starts at {after.first_key}, but shard {before.shard} ends at {before.last_key}"
            )
        if after.build_hash == before.build_hash and after.provenance != before.provenance:
            yield Problem(path, f"its provenance is not that of shard {before.shard}")


def _verify_folders(sizes: Mapping[str, int]) -> Iterator[Problem]:
    for folder in _FOLDERS:
        if folder in sizes:
            yield Problem(folder, "is no folder of this dataset")


def _notes(
    sizes: Mapping[str, int], commits: Mapping[int, Commit], broken: Mapping[int, DatasetError]
) -> Iterator[Problem]:
    known = {path for commit in commits.values() for path in commit.files}
    known |= {layout.commit_path(shard) for shard in (*commits, *broken)}
    for path in sorted(sizes):
        if is_stray(path):
            yield Problem(path, "left behind by a build that was killed; the next one clears it", True)
        elif "/" in path and path.split("/")[0] in _FOLDERS and path not in known:
            yield Problem(path, "no commit speaks of it", True)
