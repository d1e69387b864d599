"""What an export is: a file of a finished dataset in another tool's format."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from manifests.selection import Seldom


@dataclass(frozen=True)
class Export:
    """One format: ``file`` is its name in the dataset's folder, ``lines`` makes its bytes in pieces from the
    manifest's tables, each iterated once, and from the findings that are seldom accepted."""

    name: str
    file: str
    lines: Callable[[Iterable[pa.Table], Seldom], Iterable[bytes]]
