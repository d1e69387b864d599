"""Where a dataset's path or URL leads: which file system, and where in it."""

from collections.abc import Mapping
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from manifests.errors import DatasetError
from manifests.failures import reason
from synth.terminal import shown


def file_system(url: str, options: Mapping[str, Any]) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL or path, and the path in it; raises DatasetError, one line."""
    if "\0" in url:
        raise DatasetError(f"output: {shown(url)!r}, expected a path or URL without NUL")
    # fsspec takes "::" for a chain of file systems: of a path it leaves out what stands on one side of it
    chained, _, last = url.rpartition("::")
    refused = DatasetError(f"output: {shown(url)!r}, expected a path without '::', or a URL")
    if chained and "://" not in last:
        raise refused
    try:
        fs, root = url_to_fs(url, **options)
    except Exception as error:  # whatever a file system raises of a URL, the URL is to blame
        raise DatasetError(f"output: {shown(url)!r}: {reason(error)}") from error
    if "::" in url and isinstance(fs, LocalFileSystem):
        raise refused
    return fs, root
