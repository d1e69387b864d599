"""Where each sample lies in a tar: found once, then kept, so that a sample is one read of its own bytes.

The offsets of a shard are kept as ``offsets/NNNNNN.json`` beside the build where that is a folder that can
be written to, else in the user's cache folder. They are no part of the dataset: those that were made of
another tar than the commit's are not used, and the bytes that are read have to be the sample's.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter

from manifests.canonical import to_json
from manifests.commits import Commit
from manifests.errors import DatasetError
from manifests.layout import offsets_path, tar_path
from manifests.parsing import STRICT, Digest, Key, Size, read_record
from manifests.store import Store
from manifests.tars import sample_starts


@dataclass(frozen=True)
class Offsets:
    """First byte of each sample by its key, in order, and the end of the last one, in the tar of that SHA-256
    and of so many ``bytes``."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    sha256: Digest
    bytes: Size
    starts: dict[Key, Size]
    end: Size

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First byte and end of each sample; between two nothing else lies."""
        return list(pairwise([*self.starts.values(), self.end]))

    @property
    def sound(self) -> bool:
        """Whether the spans follow each other and lie in the tar."""
        return all(0 <= start < end <= self.bytes for start, end in self.spans)


_OFFSETS = TypeAdapter(Offsets)


def read_offsets(store: Store, commit: Commit) -> Offsets:
    """Those of a shard's accepted samples, kept ones where they are of the tar that the commit names.

    :raises DatasetError: for a tar that is broken.
    """
    path = tar_path(commit.shard)
    file = commit.files[path]
    places = list(_places(store, commit.build_hash))
    for place in places:
        kept = _kept(place, commit.shard)
        if kept and (kept.sha256, kept.bytes) == (file.sha256, file.bytes) and kept.sound:
            return kept
    starts, end = sample_starts(store, path)
    made = Offsets(file.sha256, file.bytes, starts, end)
    if not made.sound:
        raise DatasetError(f"{store.url}/{path}: broken tar: its samples end behind its {file.bytes} bytes")
    for place in places:
        with suppress(DatasetError):  # not to be written to: found anew next time, or kept elsewhere
            place.publish(offsets_path(commit.shard), to_json(asdict(made)), lasting=False)
            break
    return made


def _kept(place: Store, shard: int) -> Offsets | None:
    """None where there are none, or what is there cannot be read."""
    try:
        return read_record(_OFFSETS, place, offsets_path(shard), "offsets of a tar")
    except DatasetError:
        return None


def _places(store: Store, build_hash: str) -> Iterator[Store]:
    """Where offsets may be kept, first choice first. Nothing is put into a bucket unasked."""
    if store.local:
        yield store
    with suppress(RuntimeError, DatasetError):  # no home folder
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield Store(cache / "synthorax" / build_hash)
