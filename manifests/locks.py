"""One build at a time in a local folder."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from errno import ELOOP
from pathlib import Path

from manifests.errors import DatasetError

LOCK_FILE = ".lock"


def folder_lock(folder: Path) -> AbstractContextManager[None]:
    """Take the folder's lock now; it is held until the returned context ends.

    ``flock`` belongs to the open file, so the kernel frees it with the process, ``kill -9``
    included, and the file left behind means nothing.

    :raises DatasetError: when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_FILE
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno == ELOOP:
            raise DatasetError(f"output: {path} is a link, expected a file of ours") from error
        raise
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:  # its content is written over
        os.close(handle)
        raise DatasetError(f"output: {path} is no plain file of its own, expected a file of ours")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise DatasetError(
            f"output: {folder} is being built by process {holder}; "
            "wait for it to end or choose another output"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return _held(handle)


@contextmanager
def _held(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)
