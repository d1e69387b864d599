"""Is a dataset what its commits say? Re-hash, recount, reopen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from filters.verdicts import Status
from manifests import layout
from manifests.commits import Commit, CommittedFile, read_commits
from manifests.errors import DatasetError
from manifests.identity import build_hash, read_build
from manifests.index import count_rows, read_index
from manifests.members import ANATOMY_MASKS, IMAGE, LABELS, LESION_MASKS, decode_png
from manifests.parts import open_parquet, read_part, read_rows
from manifests.records import image_digest
from manifests.store import Store, is_stray
from manifests.tars import read_samples

MEMBERS = frozenset({IMAGE, ANATOMY_MASKS, LESION_MASKS, LABELS})


@dataclass(frozen=True)
class Problem:
    """One thing found: ``path`` within the dataset, and what is wrong with it in one line.

    A ``note`` is no damage: readers that follow commits never meet it.
    """

    path: str
    what: str
    note: bool = False

    def __str__(self) -> str:
        return f"{'note: ' if self.note else ''}{self.path}: {self.what}"


def verify(store: Store, expected: Iterable[int] | None = None) -> list[Problem]:
    """Everything wrong with a dataset, empty when it is whole; notes stand last.

    ``expected`` are the shards that must be there; without it those up to the last committed one.
    Reads every committed byte twice.

    :raises DatasetError: when the folder holds no dataset.
    """
    build = read_build(store)
    problems: list[Problem] = []
    try:
        commits = read_commits(store)
    except DatasetError as error:
        path, _, what = str(error).partition(": ")
        return [Problem(path, what)]
    wanted = set(range(max(commits, default=-1) + 1)) if expected is None else set(expected)
    for shard in sorted(wanted - set(commits)):
        problems.append(Problem(layout.commit_path(shard), "is missing, expected for this shard"))
    for commit in commits.values():
        if commit.build_hash != build_hash(build):
            problems.append(Problem(layout.commit_path(commit.shard), "is of another build"))
        problems += verify_shard(store, commit)
    problems += _verify_keys(list(commits.values()))
    if not problems:
        problems += _verify_final(store, commits)
    return [*problems, *_notes(store, commits)]


def verify_shard(store: Store, commit: Commit) -> list[Problem]:
    """What is wrong with one shard: digests, sizes, counts, keys, tars, images."""
    problems = []
    if commit.candidates != commit.files.get(commit.part, CommittedFile("", 0, -1)).rows:
        problems.append(
            Problem(
                layout.commit_path(commit.shard),
                f"{commit.accepted} accepted + {commit.rejected} rejected + {commit.failed} failed "
                "are not the rows of its part",
            )
        )
    damaged = [p for path, file in commit.files.items() for p in _check_file(store, path, file)]
    problems += damaged
    if any(p.path == commit.part for p in damaged):
        return problems  # its tars cannot be compared with it
    try:
        rows = read_part(store, commit).to_pylist()
    except DatasetError as error:
        return [*problems, Problem(commit.part, str(error))]
    problems += _check_rows(commit, rows)
    tars: list[tuple[str, Status]] = [
        (layout.tar_path(commit.shard), "accepted"),
        (layout.rejected_path(commit.shard), "rejected"),
    ]
    for path, status in tars:
        kept = {row["key"]: row for row in rows if row["status"] == status}
        if path in commit.files:
            if not any(p.path == path for p in damaged):
                problems += _check_tar(store, path, kept)
        elif kept and status == "accepted":
            problems.append(Problem(path, f"is not committed, expected {len(kept)} samples"))
    return problems


def _check_file(store: Store, path: str, file: CommittedFile) -> list[Problem]:
    try:
        info = store.info(path)
    except DatasetError:
        return [Problem(path, "is missing or cannot be read")]
    if info.bytes != file.bytes:
        what = "is cut off" if info.bytes < file.bytes else "has grown"
        return [Problem(path, f"{what}: {info.bytes} bytes, expected {file.bytes}")]
    if info.sha256 != file.sha256:
        return [Problem(path, f"was changed: SHA-256 {info.sha256}, expected {file.sha256}")]
    return []


def _check_rows(commit: Commit, rows: list[dict[str, Any]]) -> Iterator[Problem]:
    keys = [row["key"] for row in rows]
    if keys != sorted(set(keys)) or (keys[:1], keys[-1:]) != (
        [commit.first_key],
        [commit.last_key],
    ):
        yield Problem(commit.part, f"keys are not {commit.first_key} to {commit.last_key}, each once, rising")
    for status in ("accepted", "rejected", "failed"):
        there = sum(row["status"] == status for row in rows)
        if there != getattr(commit, status):
            yield Problem(commit.part, f"{there} rows {status}, expected {getattr(commit, status)}")


def _check_tar(store: Store, path: str, rows: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    keys = []
    try:
        for key, members in read_samples(store, path):
            keys.append(key)
            if key in rows:
                yield from _check_sample(f"{path}/{key}", members, rows[key])
    except DatasetError as error:
        yield Problem(path, str(error))
        return
    if keys != list(rows):
        yield Problem(path, f"its {len(keys)} keys are not the {len(rows)} of the part")


def _check_sample(path: str, members: dict[str, bytes], row: dict[str, Any]) -> Iterator[Problem]:
    if set(members) != MEMBERS:
        yield Problem(path, f"members {sorted(members)}, expected {sorted(MEMBERS)}")
        return
    for extension, dtype in (
        (IMAGE, np.uint8),
        (ANATOMY_MASKS, np.uint8),
        (LESION_MASKS, np.uint16),
    ):
        try:
            pixels = decode_png(members[extension])
        except (OSError, SyntaxError, ValueError) as error:
            yield Problem(f"{path}.{extension}", f"does not decode: {error}")
            continue
        if (pixels.dtype, pixels.shape) != (np.dtype(dtype), (row["height"], row["width"])):
            yield Problem(f"{path}.{extension}", f"is {pixels.dtype} {pixels.shape}")
        elif extension == IMAGE and image_digest(pixels) != row["image_sha256"]:
            yield Problem(f"{path}.{extension}", "its pixels are not those of the part")


def _verify_keys(commits: list[Commit]) -> Iterator[Problem]:
    for before, after in pairwise(commits):
        if after.first_key <= before.last_key:
            yield Problem(
                layout.commit_path(after.shard),
                f"starts at {after.first_key}, but shard {before.shard} ends at {before.last_key}",
            )


def _verify_final(store: Store, commits: dict[int, Commit]) -> Iterator[Problem]:
    """What finalising added, when it has been added."""
    try:
        index = read_index(store)
    except DatasetError as error:
        yield Problem(layout.INDEX, str(error))
        return
    if index is None:
        return
    if [s["shard"] for s in index.shards] != list(commits):
        listed = len(index.shards)
        yield Problem(
            layout.INDEX,
            f"lists {listed} shards, {len(commits)} are committed: finalise again",
            True,
        )
        return
    whole = True
    for path, info in index.files.items():
        for problem in _check_file(store, path, CommittedFile(info.sha256, info.bytes, 0)):
            whole = False
            yield problem
    if not whole:
        return
    rows = read_rows(store)
    merged = open_parquet(store.read(layout.MANIFEST)).read()
    if not _same(merged, rows):
        yield Problem(layout.MANIFEST, "its rows are not those of the parts")
    if index.counts != count_rows([rows]):
        yield Problem(layout.INDEX, "its counts are not those of the parts")


def _same(a: pa.Table, b: pa.Table) -> bool:
    """Equal tables, NaN being equal to itself."""
    if a.schema != b.schema or a.num_rows != b.num_rows:
        return False
    return all(
        x.equals(y) or x.to_pylist().__repr__() == y.to_pylist().__repr__()
        for x, y in zip(a.combine_chunks().columns, b.combine_chunks().columns, strict=True)
    )


def _notes(store: Store, commits: dict[int, Commit]) -> Iterator[Problem]:
    known = {path for commit in commits.values() for path in commit.files}
    known |= {layout.commit_path(shard) for shard in commits}
    folders = (layout.SHARDS, layout.REJECTED, layout.PARTS, layout.COMMITS)
    for path in store.list():
        if is_stray(path):
            yield Problem(path, "left behind by a build that was killed; the next one clears it", True)
        elif path.split("/")[0] in folders and path not in known:
            yield Problem(path, "no commit speaks of it", True)
