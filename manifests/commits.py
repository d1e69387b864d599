"""Commit records: the only thing that means that a shard is done. Readers follow them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter

from manifests import layout
from manifests.canonical import to_json
from manifests.errors import DatasetError
from manifests.parsing import LARGEST, STRICT, Count, Digest, Key, Size, parse_record
from manifests.store import FileInfo, Store


@dataclass(frozen=True)
class CommittedFile:
    """One file of a shard: SHA-256 in hex, size in bytes, samples (tar) or rows (Parquet)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    sha256: Digest
    bytes: Size
    rows: Count

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

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    shard: Count
    first_key: Key
    last_key: Key
    accepted: Count
    rejected: Count
    failed: Count
    files: dict[str, CommittedFile]
    schema_version: int
    build_hash: Digest
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


_COMMIT = TypeAdapter(Commit)


def parse_commit(data: bytes, path: str) -> Commit:
    """A commit from its file.

    :raises DatasetError: when the file is not one.
    """
    commit = parse_record(_COMMIT, data, path, "a commit record")
    check_files(commit.shard, commit.files, path)
    return commit


def check_files(shard: int, files: Mapping[str, Any], path: str) -> None:
    """Refuse paths that a shard has none of its files at: they would be read wherever they lead.

    :raises DatasetError: naming the record at ``path``.
    """
    own = (layout.tar_path(shard), layout.rejected_path(shard), layout.part_path(shard))
    for name in files:
        if name not in own:
            raise DatasetError(f"{path}: names {name[:80]!r}, expected one of {', '.join(own)}")
    if own[2] not in files:
        raise DatasetError(f"{path}: does not name {own[2]}, expected the shard's part")


def read_commit(store: Store, shard: int) -> Commit | None:
    """The commit of one shard, ``None`` while it is not done."""
    path = layout.commit_path(shard)
    return parse_commit(store.read(path, LARGEST), path) if store.exists(path) else None


def read_commits(store: Store) -> dict[int, Commit]:
    """Every finished shard, in order.

    :raises DatasetError: for the first commit that cannot be read.
    """
    commits, broken = sound_commits(store)
    if broken:
        raise next(iter(broken.values()))
    return commits


def standing_commits(store: Store) -> dict[int, Commit]:
    """Of the finished shards those whose files are all there, by their sizes: others are to be built again.

    :raises DatasetError: as :func:`read_commits`, and says how to mend it.
    """
    commits, broken = sound_commits(store)
    if broken:
        error = next(iter(broken.values()))
        raise DatasetError(f"{error}; `synthorax verify --repair {store.url}` takes it back")
    sizes = store.sizes()
    return {
        shard: commit
        for shard, commit in commits.items()
        if all(sizes.get(path) == file.bytes for path, file in commit.files.items())
    }


def sound_commits(store: Store) -> tuple[dict[int, Commit], dict[int, DatasetError]]:
    """Every commit that can be read, and what is wrong with each that cannot, both in order."""
    commits: dict[int, Commit] = {}
    broken: dict[int, DatasetError] = {}
    for path in store.list(layout.COMMITS):
        if (shard := layout.shard_of(path)) is None:
            continue  # a stray or a stranger
        try:
            commit = parse_commit(store.read(path, LARGEST), path)
            if commit.shard != shard:
                raise DatasetError(f"{path}: is of shard {commit.shard}, expected {shard}")
            commits[shard] = commit
        except DatasetError as error:
            broken[shard] = error
    return dict(sorted(commits.items())), dict(sorted(broken.items()))
