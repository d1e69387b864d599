"""Temporary folders that a killed process does not leave behind for ever.

Each holds a file that its process keeps locked. The kernel frees the lock however the process ends, so
that whoever makes the next folder can tell those that nobody owns, and clears them.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "synthorax-"
_OWNER = ".owner"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder among the machine's temporary files, gone after the block."""
    clear_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    handle = None
    try:
        handle = _own(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def clear_abandoned() -> None:
    """Delete those folders of this user's that no living process owns."""
    with suppress(OSError):  # clearing away is never a reason to fail
        for entry in os.scandir(tempfile.gettempdir()):
            if entry.name.startswith(PREFIX) and _is_own_folder(entry):
                _clear_if_abandoned(entry.path)


def _own(folder: Path) -> int:
    """Lock the owner's file before it gets the name that others look for."""
    handle = os.open(folder / f"{_OWNER}.new", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (folder / f"{_OWNER}.new").rename(folder / _OWNER)
    return handle


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _clear_if_abandoned(folder: str) -> None:
    with suppress(OSError):  # without an owner's file it is another's, or just being made
        handle = os.open(os.path.join(folder, _OWNER), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)  # noqa: PTH118
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)
