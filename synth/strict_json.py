"""JSON that every reader understands alike: no key twice, no NaN, no lone surrogates, bounded in depth."""

import json
import math
from typing import Any, NoReturn

import numpy as np

from synth.errors import UserError

#: Levels of nested lists and objects that nothing of ours comes near.
DEEPEST = 32

_OPENING, _CLOSING = (np.frombuffer(signs, np.uint8) for signs in (b"[{", b"]}"))


def parse_json(data: bytes) -> Any:
    """The value that ``data`` spells. Raises UserError, in a few words, for what is not strict JSON."""
    if _depth(data) > DEEPEST:  # before the parser, which is recursive
        raise UserError(f"nested deeper than {DEEPEST} levels")
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # surrogates come as escapes
        return value
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"not JSON: {' '.join(str(error).split())[:200]}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise UserError(f"not JSON: {next(n for n in names if names.count(n) > 1)[:80]!r} stands twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise UserError(f"not JSON: {text[:80]}, expected a finite number")
    return value


def _no_number(name: str) -> NoReturn:
    raise UserError(f"not JSON: {name}, expected a number")


def _depth(data: bytes) -> int:
    """The deepest nesting of brackets outside strings."""
    signs = np.frombuffer(data, np.uint8)
    outside = ~_in_strings(signs)
    steps = np.isin(signs, _OPENING).astype(np.int64) - np.isin(signs, _CLOSING)
    return int(np.cumsum(steps * outside).max(initial=0))


def _in_strings(signs: np.ndarray) -> np.ndarray:
    """(N,) bool: bytes between quotes that no backslash escapes."""
    backslash = signs == ord("\\")
    run_starts = backslash & ~np.concatenate([[False], backslash[:-1]])
    index = np.arange(len(signs))
    start = np.maximum.accumulate(np.where(run_starts, index, -1))
    before = np.concatenate([[False], backslash[:-1]])
    run = np.where(before, index - np.concatenate([[-1], start[:-1]]), 0)  # backslashes just before
    quotes = (signs == ord('"')) & (run % 2 == 0)
    return np.cumsum(quotes) % 2 == 1
