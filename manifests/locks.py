"""One build at a time in a local folder, and what those outside may know of it."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from errno import ELOOP
from pathlib import Path

from manifests.errors import DatasetError

LOCK_FILE = ".lock"

TRIES, PAUSE = 10, 0.02  # who only asks for the holder has the lock for a moment
LONGEST = 4096  # bytes of the file that are read


@dataclass(frozen=True)
class Holder:
    """Who holds a folder's lock: its process id, and in ``note`` what it says that it is doing."""

    process: str
    note: str


class Lock:
    """A lock that is held; of a folder that cannot be locked it is one without a file."""

    def __init__(self, path: Path | None = None, handle: int = -1, made: tuple[Path, ...] = ()) -> None:
        self._path, self._handle, self._made = path, handle, made

    def note(self, line: str) -> None:
        """Leaves a line for those who ask what the holder is doing."""
        if self._path is None:
            return
        text = f"{os.getpid()}\n{' '.join(line.split())}\n".encode()
        os.pwrite(self._handle, text, 0)  # whoever reads meanwhile reads two lines, old or new
        os.ftruncate(self._handle, len(text))

    def abandon(self) -> None:
        """Takes away what the lock itself has made, where nothing else has come into it."""
        with suppress(OSError):
            for path in self._made:
                path.unlink() if path == self._path else path.rmdir()

    def close(self) -> None:
        """Lets others have it."""
        if self._path is not None:
            os.close(self._handle)


def folder_lock(folder: Path) -> AbstractContextManager[Lock]:
    """Take the folder's lock now; it is held until the returned context ends.

    ``flock`` belongs to the open file, so the kernel frees it with the process, ``kill -9``
    included, and the file left behind means nothing. A block that raises leaves no file and no folder
    that were made for the lock alone.

    :raises DatasetError: when another process holds it.
    """
    for attempt in range(TRIES):
        made = _make(folder)
        path = folder / LOCK_FILE
        handle, new = _open(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read(handle).process
            os.close(handle)
            if attempt < TRIES - 1:
                time.sleep(PAUSE)
                continue
            raise DatasetError(
                f"output: {folder} is being built by process {holder}; "
                "wait for it to end or choose another output"
            ) from error
        if _is_at(path, handle):
            lock = Lock(path, handle, ((path,) if new else ()) + made)
            lock.note("")
            return _held(lock)
        os.close(handle)  # its holder has abandoned the file that we opened
    raise DatasetError(f"output: {folder} is begun and abandoned by others all the time, expected one build")


def lock_holder(folder: Path) -> Holder | None:
    """Who holds the folder's lock, None when nobody does; writes nothing."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # not there, or nothing of ours
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read(handle)
    finally:
        os.close(handle)
    return None


def _make(folder: Path) -> tuple[Path, ...]:
    """Makes the folder; which folders that took, the innermost first."""
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(absent)


def _open(path: Path) -> tuple[int, bool]:
    """The file, and whether it is new."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_EXCL, 0o644), True
    except FileExistsError:
        pass
    try:
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno == ELOOP:
            raise DatasetError(f"output: {path} is a link, expected a file of ours") from error
        raise
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:  # its content is written over
        os.close(handle)
        raise DatasetError(f"output: {path} is no plain file of its own, expected a file of ours")
    return handle, False


def _is_at(path: Path, handle: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(handle))  # noqa: PTH116
    return False


def _read(handle: int) -> Holder:
    lines = os.pread(handle, LONGEST, 0).decode("utf-8", "replace").splitlines()
    process, note, *_ = [*lines, "", ""]
    return Holder(process.strip()[:32] or "unknown", note.strip())


@contextmanager
def _held(lock: Lock) -> Iterator[Lock]:
    try:
        yield lock
    except BaseException:
        lock.abandon()
        raise
    finally:
        lock.close()
