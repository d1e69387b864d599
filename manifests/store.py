"""A dataset's folder: a local path or any fsspec URL, with whole files only.

A file appears under its name when it is complete or not at all. Locally: temporary name in the
same folder, fsync, rename, fsync of the folder. Elsewhere the file is spooled to a local temporary
file and put as one object, which an object store shows only once it is whole.

Two builders on one remote folder do each other no harm: a sample depends on its key alone, so both
write the same bytes under the same names, and a commit that either writes is true of both. Locally
they are kept apart all the same (:meth:`Store.lock`), because they would do the work twice.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EINVAL, EROFS
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, TypeAlias

from fsspec.implementations.local import LocalFileSystem

from manifests import local
from manifests.errors import DatasetError
from manifests.failures import is_absence, is_storage_error, reason
from manifests.local import is_stray
from manifests.locks import Holder, Lock, folder_lock, lock_holder
from manifests.sinks import FileInfo, Sink
from manifests.urls import file_system
from synth.errors import UserError
from synth.folders import check_name, inside, open_inside
from synth.scratch import scratch_folder

_CHUNK = 1 << 20

__all__ = ["FileInfo", "Sink", "Store", "is_stray"]

Paths: TypeAlias = list[str]


class Store:
    """Files of one dataset by their path relative to its folder, e.g. ``shards/000000.tar``.

    Paths stay inside: a name that leaves the folder is refused, and so is what a link leads out to. Only
    regular files are read.

    :raises DatasetError: for a URL that fsspec cannot open, and from every method for what the
        file system refuses: no space, no permission, no credentials, no answer, not there.
    """

    def __init__(self, url: str | os.PathLike[str], **options: Any) -> None:
        self.url = os.fspath(url)
        self.fs, root = file_system(self.url, options)
        self.root = root.rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)

    def path(self, path: str) -> str:
        """The full path as the file system knows it."""
        return f"{self.root}/{path}"

    @contextmanager
    def writer(self, path: str, lasting: bool = True) -> Iterator[Sink]:
        """A stream that becomes the file ``path`` when the block ends without an error.

        One that is not ``lasting`` outlives a power cut only after :meth:`settle`.
        """
        with self._told("write", path):
            self._check_place(path)
            target = self.path(path)
            with local.published(target, lasting) if self.local else self._remote_writer(target) as sink:
                yield sink

    @contextmanager
    def _remote_writer(self, target: str) -> Iterator[Sink]:
        with scratch_folder() as folder:
            spool = folder / "spool"
            with spool.open("wb") as stream:
                yield Sink(stream)
            try:
                self.fs.makedirs(self.fs._parent(target), exist_ok=True)
                self.fs.put_file(str(spool), target)
            except (NotImplementedError, ValueError) as error:  # fsspec's, of what can only be read
                raise OSError(
                    EROFS, "storage of this kind is only read, expected a folder or bucket"
                ) from error

    def publish(self, path: str, data: bytes | Path, lasting: bool = True) -> FileInfo:
        """Make ``data``, bytes or a local file, the file ``path``; ``lasting`` as of :meth:`writer`."""
        with self.writer(path, lasting) as sink:
            if isinstance(data, bytes):
                sink.write(data)
            else:
                with data.open("rb") as source:
                    shutil.copyfileobj(source, sink, _CHUNK)
        return sink.info

    def settle(self) -> None:
        """Make all that was written outlive a power cut: one wait for thousands of small files."""
        if self.local:
            os.sync()

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """The file for reading, seekable."""
        with self._told("read", path):
            self._check_name(path)
            stream = open_inside(self.root, path) if self.local else self.fs.open(self.path(path), "rb")
            with stream:
                yield stream

    def read(self, path: str, at_most: int | None = None) -> bytes:
        """The whole file, of ``at_most`` so many bytes."""
        with self._told("read", path), self.open(path) as stream:
            data = stream.read() if at_most is None else stream.read(at_most + 1)
            if at_most is not None and len(data) > at_most:
                raise OSError(EINVAL, f"it has more than {at_most} bytes")
            return data

    def read_span(self, path: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``, or to the file's; of a remote one in one request."""
        with self._told("read", path):
            self._check_name(path)
            if not self.local:
                return bytes(self.fs.cat_file(self.path(path), start=start, end=end))
            with open_inside(self.root, path) as stream:
                return os.pread(stream.fileno(), end - start, start)

    def info(self, path: str) -> FileInfo:
        """Digest and size of the file as it lies there now."""
        hasher, size = sha256(), 0
        with self._told("read", path), self.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                hasher.update(chunk)
                size += len(chunk)
        return FileInfo(hasher.hexdigest(), size)

    def exists(self, path: str) -> bool:
        """Whether the file is there; what cannot be asked is an error, never a no."""
        with self._told("read", path):
            try:
                self._check_regular(path)
            except Exception as error:
                if is_absence(error):
                    return False
                raise
        return True

    def list(self, folder: str = "") -> Paths:
        """Relative paths of all files in and below a folder, sorted; empty when it is not there."""
        return sorted(self.sizes(folder))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """As :meth:`list`, each with its size in bytes; -1 for what is no regular file in the folder."""
        with self._told("list", folder or "."):
            try:
                return local.entries(self.root, folder) if self.local else self._remote_sizes(folder)
            except Exception as error:
                if is_absence(error):
                    return {}
                raise

    def _remote_sizes(self, folder: str) -> dict[str, int]:
        self.fs.invalidate_cache()
        start = self.path(folder) if folder else self.root
        self.fs.info(start)  # fsspec's walk takes what it may not list for empty
        found = self.fs.find(start, detail=True)
        return {str(p)[len(self.root) + 1 :]: int(about["size"] or 0) for p, about in found.items()}

    def strangers(self, known: Callable[[str], bool]) -> Paths:
        """Names in the folder, of files and folders, that are not ``known``; none when it is not there."""
        with self._told("list", "."):
            try:
                if self.local:
                    names = os.listdir(self.root)  # noqa: PTH208
                else:
                    names = [path.partition("/")[0] for path in self._remote_sizes("")]
            except Exception as error:
                if is_absence(error):
                    return []
                raise
        return sorted({name for name in names if not known(name)})

    def remove(self, path: str) -> None:
        """Delete the file; nothing happens when it is not there."""
        with self._told("delete", path):
            self._check_place(path)
            try:
                if self.local:
                    local.remove(self.path(path))
                elif self.exists(path):
                    self.fs.rm_file(self.path(path))
            except OSError as error:
                if not is_absence(error):
                    raise

    def remove_strays(self, own: Callable[[str], bool] = lambda path: True) -> Paths:
        """Delete what a killed process left half-written of its ``own`` files.

        Call it with the lock held, once it is certain whose folder this is.
        """
        strays = [p for p in self.list() if (to := local.destination(p)) and own(to)] if self.local else []
        for path in strays:
            self.remove(path)
        return strays

    @contextmanager
    def lock(self) -> Iterator[Lock]:
        """Keep other builds out of a local folder.

        The kernel frees the lock when the process ends, however it ends. Remote folders are not
        locked (see the module).

        :raises DatasetError: when another process holds the lock, naming its process id.
        """
        if not self.local:
            yield Lock()
            return
        with self._told("write", ".lock"):
            held = folder_lock(Path(self.root))
        with held as lock:
            yield lock

    def holder(self) -> Holder | None:
        """Who holds a local folder's lock; of a remote one nothing is known."""
        return lock_holder(Path(self.root)) if self.local else None

    def _check_name(self, path: str) -> None:
        try:
            check_name(path)
        except UserError as error:
            raise DatasetError(f"{self.url}: {error}") from error

    def _check_regular(self, path: str) -> None:
        self._check_name(path)
        if not self.local:
            self.fs.invalidate_cache()
            self.fs.info(self.path(path))
        elif not stat.S_ISREG(os.stat(inside(self.root, path)).st_mode):  # noqa: PTH116
            raise OSError(EINVAL, "is no regular file")

    def _check_place(self, path: str) -> None:
        """Nothing is written or deleted through a link that leaves the folder."""
        self._check_name(path)
        folder = path.rpartition("/")[0]
        if self.local and folder:
            inside(self.root, folder)

    @contextmanager
    def _told(self, action: str, path: str) -> Iterator[None]:
        """Say in one line what the file system refused."""
        try:
            yield
        except Exception as error:
            if not is_storage_error(error):
                raise
            what = "it is missing" if action == "read" and is_absence(error) else reason(error)
            raise DatasetError(f"{self.url}: cannot {action} {path}: {what}") from error
