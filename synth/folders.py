"""Files of a folder that somebody else may have made: its own regular ones, wherever links point."""

import os
import stat
from contextlib import suppress
from errno import EINVAL, ELOOP
from typing import BinaryIO

from synth.errors import UserError


def check_name(name: str) -> None:
    """Raises UserError unless ``name`` is a path that stays inside its folder, e.g. ``unet/config.json``."""
    parts = name.split("/")
    if not name or "\0" in name or not all(parts) or {".", ".."} & set(parts):
        raise UserError(f"{name!r}, expected a path inside the folder")


def open_inside(root: str | os.PathLike[str], name: str) -> BinaryIO:
    """The regular file ``name`` of the folder ``root``, for reading.

    Links are followed as long as they stay in the folder; those of a hub's cache lead to its own blobs.

    Raises UserError for a name that leaves the folder, and OSError for what is not there, no regular file
    (a pipe would wait for ever, a device never end), or elsewhere.
    """
    return _open_regular(inside(root, name))


def inside(root: str | os.PathLike[str], name: str) -> str:
    """The real path of ``name`` in the folder ``root``; raises as :func:`open_inside` for one elsewhere."""
    check_name(name)
    folder = os.path.realpath(root)
    path = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118
    if not any(_is_below(path, parent) for parent in (folder, *_blobs(root))):
        raise OSError(ELOOP, "is a link out of the folder")
    return path


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _blobs(root: str | os.PathLike[str]) -> list[str]:
    """Where a hub's cache keeps the content of ``…/snapshots/REVISION``."""
    parts = os.path.abspath(root).split("/")  # noqa: PTH100
    found = []
    with suppress(ValueError):
        at = len(parts) - 1 - parts[::-1].index("snapshots")
        found.append(os.path.realpath("/".join([*parts[:at], "blobs"])))
    return found


def _open_regular(path: str) -> BinaryIO:
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
        raise OSError(EINVAL, "is no regular file")
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # it changed in between
        os.close(handle)
        raise OSError(EINVAL, "is no regular file")
    return os.fdopen(handle, "rb")
