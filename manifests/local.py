"""A local folder: files that appear whole, what lies there, and what a killed process left half-written."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from manifests.sinks import Sink
from synth.folders import inside

_RUNNING = count()

#: A temporary name of :func:`published`: folder, final name, process and number.
_STRAY = re.compile(r"((?:.*/)?)\.([^/]+)\.[0-9]+-[0-9]+\.tmp")


@contextmanager
def published(target: str, lasting: bool = True) -> Iterator[Sink]:
    """A stream that becomes the file ``target`` when the block ends without an error.

    Unless ``lasting``, nobody waits for the disk: a power cut may leave it empty or away.
    """
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):  # noqa: PTH112
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        sync_folder(os.path.dirname(folder))  # noqa: PTH120
    temporary = os.path.join(folder, f".{name}.{os.getpid()}-{next(_RUNNING)}.tmp")  # noqa: PTH118
    try:
        with open(temporary, "wb", opener=_never_through_a_link) as stream:
            yield Sink(stream)
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    if lasting:
        sync_folder(folder)


def _never_through_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def remove(path: str) -> None:
    """Delete a file, for good."""
    os.unlink(path)  # noqa: PTH108
    sync_folder(os.path.dirname(path))  # noqa: PTH120


def is_stray(path: str) -> bool:
    """Whether a path is a temporary name of :func:`published`."""
    return _STRAY.fullmatch(path) is not None


def destination(path: str) -> str | None:
    """What a temporary name was to become; None for another name."""
    found = _STRAY.fullmatch(path)
    return f"{found[1]}{found[2]}" if found else None


def sync_folder(folder: str) -> None:
    """Make a rename in ``folder`` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def entries(root: str, folder: str = "") -> dict[str, int]:
    """Relative path to size of what lies in and below ``root/folder``; folders themselves are left out.

    -1 for what is no regular file inside ``root``: pipes, devices, links to folders or out of it.
    """
    found: dict[str, int] = {}
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        start = inside(root, at) if at else root
        for entry in os.scandir(start):
            path = f"{at}/{entry.name}" if at else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                found[path] = _size(root, path, entry)
    return found


def _size(root: str, path: str, entry: "os.DirEntry[str]") -> int:
    with suppress(OSError):
        info = entry.stat()
        if stat.S_ISREG(info.st_mode) and (not entry.is_symlink() or inside(root, path)):
            return info.st_size
    return -1
