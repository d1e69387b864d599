"""Whose mistake an error is: a matter of its class. What the user can mend is told in one line."""

import errno
from typing import Final

from synth.terminal import shown

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
    errno.ENAMETOOLONG: "a name that is too long",
    errno.ELOOP: "a link that leads to itself",
}


class UserError(ValueError):
    """What the user can mend: one line that names the field or file, its value, and what was expected.

    A ``ValueError``, so that code calling us as a library, and pydantic, may catch it as one. A plain
    ``ValueError`` is never the user's: it is a bug of ours.
    """


class WeightsError(UserError):
    """A weight file that is missing, not what its pin says, or not safetensors."""


class Interrupted(Exception):
    """The work was asked to stop; what is committed stays, the same command resumes it."""


def users_mistake(error: BaseException) -> str | None:
    """The one line to show when ``error`` is the user's to mend, otherwise None (it is our bug)."""
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
        where = f"{shown(error.filename)}: " if error.filename else ""
        return f"{where}{_ENVIRONMENT[error.errno]}"
    return None


def is_lasting(error: BaseException) -> bool:
    """Whether trying again at once is pointless: a user's mistake or a request to stop."""
    return isinstance(error, Interrupted) or users_mistake(error) is not None
