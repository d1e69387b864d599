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
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import IO, Any, TypeAlias

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from manifests.errors import DatasetError
from manifests.locks import folder_lock

_CHUNK = 1 << 20
_RUNNING = count()

Paths: TypeAlias = list[str]


@dataclass(frozen=True)
class FileInfo:
    """What was written: SHA-256 in hex, and size in bytes."""

    sha256: str
    bytes: int


class Sink:
    """A writable stream that hashes what passes; :attr:`info` tells what was written so far."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._hash, self._size = stream, sha256(), 0

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        self._stream.write(data)
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._stream.flush()

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def closed(self) -> bool:
        """Whether the stream below is closed."""
        return self._stream.closed

    @property
    def info(self) -> FileInfo:
        """Digest and size of what was written so far."""
        return FileInfo(self._hash.hexdigest(), self._size)


class Store:
    """Files of one dataset by their path relative to its folder, e.g. ``shards/000000.tar``.

    :raises DatasetError: for a URL that fsspec cannot open, and from every method for what the
        file system refuses: no space, no permission, not there.
    """

    def __init__(self, url: str | os.PathLike[str], **options: Any) -> None:
        self.url = os.fspath(url)
        try:
            self.fs, root = url_to_fs(self.url, **options)
        except (ImportError, ValueError) as error:
            raise DatasetError(f"output: {self.url!r}: {error}") from error
        self.root = root.rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)

    def path(self, path: str) -> str:
        """The full path as the file system knows it."""
        return f"{self.root}/{path}"

    @contextmanager
    def writer(self, path: str) -> Iterator[Sink]:
        """A stream that becomes the file ``path`` when the block ends without an error."""
        with self._told("write", path):
            publish = self._local_writer if self.local else self._remote_writer
            with publish(self.path(path)) as sink:
                yield sink

    @contextmanager
    def _local_writer(self, target: str) -> Iterator[Sink]:
        folder, name = os.path.split(target)
        if not os.path.isdir(folder):  # noqa: PTH112
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            _sync_folder(os.path.dirname(folder))  # noqa: PTH120
        temporary = os.path.join(folder, f".{name}.{os.getpid()}-{next(_RUNNING)}.tmp")  # noqa: PTH118
        try:
            with open(temporary, "wb") as stream:  # noqa: PTH123
                yield Sink(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise
        _sync_folder(folder)

    @contextmanager
    def _remote_writer(self, target: str) -> Iterator[Sink]:
        with tempfile.TemporaryDirectory(prefix="synthorax-") as folder:
            spool = Path(folder) / "spool"
            with spool.open("wb") as stream:
                yield Sink(stream)
            self.fs.makedirs(self.fs._parent(target), exist_ok=True)
            self.fs.put_file(str(spool), target)

    def publish(self, path: str, data: bytes | Path) -> FileInfo:
        """Make ``data``, bytes or a local file, the file ``path``."""
        with self.writer(path) as sink:
            if isinstance(data, bytes):
                sink.write(data)
            else:
                with data.open("rb") as source:
                    shutil.copyfileobj(source, sink, _CHUNK)
        return sink.info

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """The file for reading, seekable."""
        with self._told("read", path):
            stream: AbstractContextManager[IO[bytes]] = self.fs.open(self.path(path), "rb")
            return stream

    def read(self, path: str) -> bytes:
        """The whole file."""
        with self._told("read", path), self.open(path) as stream:
            return stream.read()

    def info(self, path: str) -> FileInfo:
        """Digest and size of the file as it lies there now."""
        hasher, size = sha256(), 0
        with self._told("read", path), self.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                hasher.update(chunk)
                size += len(chunk)
        return FileInfo(hasher.hexdigest(), size)

    def exists(self, path: str) -> bool:
        """Whether the file is there."""
        self.fs.invalidate_cache()
        return bool(self.fs.isfile(self.path(path)))

    def list(self, folder: str = "") -> Paths:
        """Relative paths of all files in and below a folder, sorted; empty when it is not there."""
        self.fs.invalidate_cache()
        start = self.path(folder) if folder else self.root
        with self._told("list", folder or "."):
            found = self.fs.find(start)
        return sorted(str(p)[len(self.root) + 1 :] for p in found)

    def remove(self, path: str) -> None:
        """Delete the file; nothing happens when it is not there."""
        with self._told("delete", path):
            if self.exists(path):
                self.fs.rm_file(self.path(path))
                if self.local:
                    _sync_folder(os.path.dirname(self.path(path)))  # noqa: PTH120

    def remove_strays(self) -> Paths:
        """Delete what a killed build left half-written; call it with the lock held."""
        strays = [p for p in self.list() if is_stray(p)] if self.local else []
        for path in strays:
            self.remove(path)
        return strays

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other builds out of a local folder, and clean what a killed one left behind.

        The kernel frees the lock when the process ends, however it ends. Remote folders are not
        locked (see the module).

        :raises DatasetError: when another process holds the lock, naming its process id.
        """
        if not self.local:
            yield
            return
        with self._told("write", ".lock"):
            held = folder_lock(Path(self.root))
        with held:
            self.remove_strays()
            yield

    @contextmanager
    def _told(self, action: str, path: str) -> Iterator[None]:
        """Say in one line what the file system refused."""
        try:
            yield
        except OSError as error:
            what = error.strerror or str(error) or type(error).__name__
            if isinstance(error, FileNotFoundError) and action == "read":
                what = "it is missing"
            raise DatasetError(f"{self.url}: cannot {action} {path}: {what}") from error


def is_stray(path: str) -> bool:
    """Whether a path is a temporary name of :meth:`Store.writer`."""
    name = path.rsplit("/", 1)[-1]
    return name.startswith(".") and name.endswith(".tmp")


def _sync_folder(folder: str) -> None:
    """Make a rename in ``folder`` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
