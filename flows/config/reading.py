"""Reading a config from YAML with ``--set a.b=c`` overrides; every mistake becomes one line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flows.config.mistakes import describe
from flows.config.plain import plain
from flows.config.schema import BuildConfig
from synth.errors import UserError
from synth.strict_yaml import MOST_TEXT, parse_yaml
from synth.terminal import shown

Model = TypeVar("Model", bound=BaseModel)


def read_config(path: Path, overrides: Sequence[str] = ()) -> BuildConfig:
    """The config in a YAML file, with overrides ``key.key=value`` (values are YAML too).

    Raises :class:`UserError` that names the field, its value and what was expected.
    """
    data = read_plain(path)
    return parse_config(apply_overrides(data, overrides), f"file {path}", overrides)


def parse_config(
    data: Mapping[str, Any], source: str = "config", overrides: Sequence[str] = ()
) -> BuildConfig:
    """The config in plain data; ``source`` is named in errors unless an override is to blame."""
    return parse_as(BuildConfig, data, source, overrides)


def parse_as(kind: type[Model], data: Mapping[str, Any], source: str, overrides: Sequence[str] = ()) -> Model:
    """Settings of any ``kind`` in plain data; errors as those of :func:`parse_config`."""
    try:
        data = plain(data)
        # JSON mode is strict about types, but still takes text for a path and a list for a tuple.
        return kind.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        message, field = describe(error.errors()[0], data, kind)
    except UserError as error:
        message = str(error)
        field = message.partition(":")[0]
    raise UserError(f"{message} ({_blame(field, source, overrides)})")


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``data`` with each ``a.b=c`` put in its place. Raises UserError that names the override."""
    out: dict[str, Any] = plain(data)
    for item in overrides:
        path, sign, text = item.partition("=")
        if not sign or not all(path.split(".")):
            raise UserError(f"--set {shown(item)}: expected key.key=value")
        try:
            value = plain(parse_yaml(text))
        except UserError as error:
            raise UserError(f"--set {shown(item)}: {error}") from None
        *groups, name = path.split(".")
        at = out
        for group in groups:
            if at.get(group) is None:
                at[group] = {}
            at = at[group]
            if not isinstance(at, dict):
                raise UserError(f"--set {shown(item)}: {shown(group)} is a value, not a group")
        at[name] = value
    return out


def read_plain(path: Path) -> dict[str, Any]:
    """What a YAML file holds, as plain data; raises UserError where that are no keys and values."""
    try:
        data = parse_yaml(_text(path))
        if not isinstance(data, dict):
            raise UserError("expected keys such as seed and candidates")
        out: dict[str, Any] = plain(data)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return out


def _text(path: Path) -> str:
    """Raises UserError in a few words, without the path."""
    try:
        if path.is_dir():
            raise UserError("is a folder, expected a YAML file")
        with path.open("rb") as file:
            data = file.read(4 * MOST_TEXT + 1)  # a sign takes at most so many bytes
    except FileNotFoundError:
        raise UserError("no such config file") from None
    if len(data) > 4 * MOST_TEXT:
        raise UserError(f"more than {4 * MOST_TEXT} bytes, expected a YAML file of at most {MOST_TEXT} signs")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text (byte {error.start})") from None


def _blame(field: str, source: str, overrides: Sequence[str]) -> str:
    for item in reversed(overrides):
        path = item.partition("=")[0]
        if field == path or field.startswith(f"{path}.") or path.startswith(f"{field}."):
            return f"--set {shown(item)}"
    return source
