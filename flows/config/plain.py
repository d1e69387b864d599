"""Settings as plain data: text, numbers, lists and groups, bounded before anything looks at them."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from synth.errors import UserError
from synth.strict_json import DEEPEST
from synth.strict_yaml import MOST_VALUES, check_number
from synth.terminal import shown


def plain(data: Any) -> Any:
    """A copy of ``data`` in JSON's types: tuples become lists; what is none of them, as a path, its text.

    Raises UserError that names the field, for keys that are no text, text that no file name can hold (NUL,
    halves of a sign), numbers beyond a float's range, more than DEEPEST levels or MOST_VALUES values; so
    for what contains itself too.
    """
    return _plain(data, "", 0, count(1))


def _plain(value: Any, field: str, level: int, values: Iterator[int]) -> Any:
    if level > DEEPEST:
        raise UserError(f"{shown(field)}: nested deeper than {DEEPEST} levels")
    if next(values) > MOST_VALUES:
        raise UserError(f"{shown(field)}: more than {MOST_VALUES} values in all, expected fewer")
    if isinstance(value, Mapping):
        inner = ((_key(k, field), v) for k, v in value.items())
        return {k: _plain(v, _below(field, k), level + 1, values) for k, v in inner}
    if isinstance(value, list | tuple):
        return [_plain(v, _below(field, i), level + 1, values) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return _number(value, field)
    return _text(str(value), field)


def _below(field: str, part: object) -> str:
    return f"{field}.{part}" if field else str(part)


def _key(key: Any, field: str) -> str:
    if not isinstance(key, str):
        where = f"{shown(field)}: " if field else ""
        raise UserError(f"{where}a key of type {type(key).__name__}, expected text")
    return _text(key, field)


def _number(value: int, field: str) -> int:
    try:
        check_number(value)
    except UserError as error:
        raise UserError(f"{shown(field)}: {error}") from None
    return value


def _text(text: str, field: str) -> str:
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise UserError(f"{shown(field)}: {shown(text)}, expected text that a file can be named by")
    return text
