"""Samples to WebDataset tars and back. The same samples always give the same bytes."""

import tarfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from manifests.errors import DatasetError
from manifests.store import Store


def write_samples(stream: Any, samples: Iterable[tuple[str, dict[str, bytes]]]) -> int:
    """Write ``(key, members)`` pairs as a tar, members in the order of their extensions.

    The time of every entry is 0 and its owner is fixed. Returns how many samples were written.
    """
    from webdataset import TarWriter  # here, because it loads torch, which readers do not need

    count = 0
    # On an error this closes the tar as if it were whole: the store then throws it away.
    with TarWriter(stream, encoder=False, mtime=0) as writer:
        for key, members in samples:
            writer.write({"__key__": key, **members})
            count += 1
    return count


def read_samples(store: Store, path: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The ``(key, members)`` pairs of a tar of ours, in order.

    :raises DatasetError: when the tar is cut off or is none.
    """
    key = ""
    members: dict[str, bytes] = {}
    with store.open(path) as stream:
        for name, data in _entries(stream, path):
            entry_key, _, extension = name.partition(".")
            if members and entry_key != key:
                yield key, members
                members = {}
            key = entry_key
            members[extension] = data
    if members:
        yield key, members


def _entries(stream: IO[bytes], path: str) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                data = content.read() if content else b""
                if len(data) != entry.size:
                    raise tarfile.ReadError("unexpected end of data")
                yield entry.name, data
    except (tarfile.TarError, EOFError) as error:
        raise DatasetError(f"{path}: broken tar: {error}") from error
