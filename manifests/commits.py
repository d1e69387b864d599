"""Commit records: the only thing that means that a shard is done. Readers follow them."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from manifests import layout
from manifests.canonical import to_json
from manifests.errors import DatasetError
from manifests.store import FileInfo, Store


@dataclass(frozen=True)
class CommittedFile:
    """One file of a shard: SHA-256 in hex, size in bytes, samples (tar) or rows (Parquet)."""

    sha256: str
    bytes: int
    rows: int

    @property
    def info(self) -> FileInfo:
        """Digest and size alone."""
        return FileInfo(self.sha256, self.bytes)


@dataclass(frozen=True)
class Commit:
    """What a finished shard holds; ``candidates = accepted + rejected + failed``.

    ``files`` maps a path to what lies there: the part always, each tar unless it had no sample.
    ``first_key`` and ``last_key`` are those of its candidates. ``build_hash`` is the digest of the
    build's identity (:func:`manifests.identity.build_hash`).
    """

    shard: int
    first_key: str
    last_key: str
    accepted: int
    rejected: int
    failed: int
    files: dict[str, CommittedFile]
    schema_version: int
    build_hash: str
    provenance: dict[str, Any]

    @property
    def candidates(self) -> int:
        """Rows of the part."""
        return self.accepted + self.rejected + self.failed

    @property
    def part(self) -> str:
        """Path of the shard's Parquet part."""
        return layout.part_path(self.shard)

    def to_json(self) -> bytes:
        """The record as it is written."""
        return to_json(asdict(self))


def parse_commit(data: bytes, path: str) -> Commit:
    """A commit from its file.

    :raises DatasetError: when the file is not one.
    """
    try:
        fields = json.loads(data)
        fields["files"] = {p: CommittedFile(**f) for p, f in fields["files"].items()}
        return Commit(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{path}: not a commit record: {error}") from error


def read_commit(store: Store, shard: int) -> Commit | None:
    """The commit of one shard, ``None`` while it is not done."""
    path = layout.commit_path(shard)
    return parse_commit(store.read(path), path) if store.exists(path) else None


def read_commits(store: Store) -> dict[int, Commit]:
    """Every finished shard, in order."""
    commits = {}
    for path in store.list(layout.COMMITS):
        stem = path.removeprefix(f"{layout.COMMITS}/").removesuffix(".json")
        if not stem.isdigit() or layout.commit_path(int(stem)) != path:
            continue  # a stray or a stranger
        commit = parse_commit(store.read(path), path)
        if commit.shard != int(stem):
            raise DatasetError(f"{path}: is of shard {commit.shard}, expected {int(stem)}")
        commits[commit.shard] = commit
    return dict(sorted(commits.items()))
