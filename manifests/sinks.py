"""What is written, and its digest."""

from dataclasses import dataclass
from hashlib import sha256
from typing import IO, ClassVar

from pydantic import ConfigDict

from manifests.parsing import STRICT, Digest, Size


@dataclass(frozen=True)
class FileInfo:
    """What was written: SHA-256 in hex, and size in bytes."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    sha256: Digest
    bytes: Size


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
