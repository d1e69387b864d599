"""Samples to WebDataset tars and back. The same samples always give the same bytes."""

import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from manifests.errors import DatasetError
from manifests.store import Store

_MEMBER = re.compile(r"[0-9]{9}(?:\.[a-z]+){1,2}")

#: Bytes of a member: those of the largest picture, unpacked.
LARGEST_MEMBER = 1 << 28


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

    :raises DatasetError: when the tar is cut off, is none, or holds anything but members of ours, each once.
    """
    key = ""
    members: dict[str, bytes] = {}
    with store.open(path) as stream:
        for name, data in _entries(stream, path):
            entry_key, _, extension = name.partition(".")
            if members and entry_key != key:
                yield key, members
                members = {}
            if extension in members or entry_key < key:
                raise DatasetError(f"{path}: broken tar: {name} stands twice or out of order")
            key = entry_key
            members[extension] = data
    if members:
        yield key, members


def sample_starts(store: Store, path: str) -> tuple[dict[str, int], int]:
    """Key to first byte of each sample of a tar of ours, in order, and the end of the last, by its headers.

    :raises DatasetError: as :func:`read_samples`.
    """
    starts: dict[str, int] = {}
    key, end = "", 0
    with store.open(path) as stream, _broken_tar(path), tarfile.open(fileobj=stream, mode="r:") as tar:
        for entry in tar:
            _check_entry(entry)
            entry_key = entry.name.partition(".")[0]
            if entry_key < key:
                raise tarfile.ReadError(f"{entry.name} stands out of order")
            key = entry_key
            starts.setdefault(key, entry.offset)
            end = entry.offset_data + _blocks(entry.size)
    return starts, end


def parse_sample(data: bytes, key: str, path: str) -> dict[str, bytes]:
    """The members of the sample ``key`` from its bytes in the tar at ``path`` (:func:`sample_starts`).

    :raises DatasetError: for bytes that are not that sample's, all of it and nothing else.
    """
    members: dict[str, bytes] = {}
    at = 0
    with _broken_tar(path):
        while at < len(data):
            name, size = _plain_header(data[at : at + tarfile.BLOCKSIZE])
            entry_key, _, extension = name.partition(".")
            if entry_key != key or extension in members:
                raise tarfile.ReadError(f"{name[:80]!r} where a member of {key} is expected")
            at += tarfile.BLOCKSIZE
            members[extension] = data[at : at + size]
            at += _blocks(size)
        if at != len(data):
            raise tarfile.ReadError("unexpected end of data")
    return members


def _plain_header(block: bytes) -> tuple[str, int]:
    """Name and size of a plain file of ours, in a third of tarfile's time: a loader reads many."""
    name, kind = block[:100].rstrip(b"\0").decode("ascii"), block[156:157]
    if not _MEMBER.fullmatch(name) or kind not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise tarfile.ReadError(f"{name[:80]!r}, expected a plain file such as 000000000.png")
    size = block[124:136].rstrip(b" \0")
    if not size.isdigit():
        raise tarfile.ReadError(f"{name} has {size!r} bytes, expected a number")
    return name, int(size, 8)


def _blocks(size: int) -> int:
    """Bytes that a member of ``size`` takes."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _entries(stream: IO[bytes], path: str) -> Iterator[tuple[str, bytes]]:
    with _broken_tar(path), tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in tar:
            _check_entry(entry)
            content = tar.extractfile(entry)
            data = content.read() if content else b""
            if len(data) != entry.size:
                raise tarfile.ReadError("unexpected end of data")
            yield entry.name, data
        stream.seek(tar.offset)
        if stream.read(LARGEST_MEMBER).strip(b"\0"):
            raise tarfile.ReadError("something follows its end")


@contextmanager
def _broken_tar(path: str) -> Iterator[None]:
    """Say in one line what is raised over a tar that is none of ours."""
    try:
        yield
    except DatasetError:
        raise
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"{path}: broken tar: {said}") from error


def _check_entry(entry: tarfile.TarInfo) -> None:
    """Only plain files of a sample: no link, no folder, no hole that unpacks to more than the tar holds."""
    if not _MEMBER.fullmatch(entry.name):
        raise tarfile.ReadError(f"holds {entry.name[:80]!r}, expected members such as 000000000.png")
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.sparse is not None:
        raise tarfile.ReadError(f"{entry.name} is no plain file")
    if not 0 <= entry.size <= LARGEST_MEMBER:
        raise tarfile.ReadError(f"{entry.name} has {entry.size} bytes, expected {LARGEST_MEMBER} or fewer")
