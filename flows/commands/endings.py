"""How a command ends: 0, 2 for the user's mistake, 1 for ours, 3 for nothing accepted, 130 for Ctrl-C."""

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

USERS_MISTAKE, OURS, CTRL_C = 2, 1, 130

#: Signs of the line that a command ends with; what it quotes was cut before.
_LONGEST_LINE = 4000

INTERRUPTED = "interrupted: what is committed stays, the same command goes on from there"

F = TypeVar("F", bound=Callable[..., Any])
_debug = False


def set_debug(debug: bool) -> None:
    """Whether errors are shown with their traceback."""
    global _debug
    _debug = debug or bool(os.environ.get("SYNTHORAX_DEBUG"))


class Ending(Exception):
    """A command's end with an exit code of its own choice and one line to say why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def guarded(command: F) -> F:
    """Turns what a command raises into one line on stderr and the right exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except SystemExit:
            raise
        except BaseException as error:
            _end(error)

    return run  # type: ignore[return-value]


def _end(error: BaseException) -> NoReturn:
    from synth.errors import Interrupted, users_mistake

    if _debug:
        traceback.print_exception(error)
    if isinstance(error, Ending):
        _leave(error.code, str(error))
    if isinstance(error, KeyboardInterrupt | Interrupted):
        _leave(CTRL_C, INTERRUPTED)
    if isinstance(error, BrokenPipeError):  # e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(OURS)
    if message := users_mistake(error):
        _leave(USERS_MISTAKE, f"synthorax: {message}")
    what = " ".join(f"{type(error).__name__}: {error}".split())
    _leave(OURS, f"synthorax: {what[:300]} (traceback: {_keep_traceback(error)})")


def _leave(code: int, message: str) -> NoReturn:
    from synth.terminal import printable

    print(printable(message, _LONGEST_LINE), file=sys.stderr, flush=True)
    raise SystemExit(code)


def _keep_traceback(error: BaseException) -> str:
    if _debug:
        return "above"
    try:
        handle, name = tempfile.mkstemp(prefix="synthorax-error-", suffix=".txt")
        os.close(handle)
        Path(name).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return name
    except OSError:
        return "run again with --debug"
