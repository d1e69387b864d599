"""Which errors are the user's to mend, and how they are told: in one line, without a traceback."""

import errno
import traceback
from typing import Final

_ROOMS: Final = ("synth", "filters", "manifests", "flows")
_ENVIRONMENT: Final = {
    errno.ENOSPC: "no space left on the disk: free some and run the same command again",
    errno.EDQUOT: "disk quota exceeded: free some and run the same command again",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "read-only file system",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "not a folder",
    errno.EISDIR: "is a folder, expected a file",
    errno.EEXIST: "exists already",
}


class UserError(ValueError):
    """A mistake that the user can mend. The message is one line."""


class Interrupted(Exception):
    """The build was asked to stop; what is committed stays, the same command resumes it."""


def users_mistake(error: BaseException) -> str | None:
    """The one line to show when ``error`` is the user's to mend, otherwise None (it is our bug).

    A ``ValueError``, or a missing file without errno, counts only when our own code raised it: one out
    of NumPy or torch is a bug.
    """
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{_ENVIRONMENT[error.errno]}"
    told = isinstance(error, ValueError | FileNotFoundError)
    if told and (type(error) is UserError or _raised_by_us(error)):
        return " ".join(str(error).split())
    return None


def _raised_by_us(error: BaseException) -> bool:
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and frames[-1][0].f_globals.get("__name__", "").split(".")[0] in _ROOMS


def is_lasting(error: BaseException) -> bool:
    """Whether trying again at once is pointless: a user's mistake or a request to stop."""
    return isinstance(error, Interrupted) or users_mistake(error) is not None
