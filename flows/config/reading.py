"""Reading a config from YAML with ``--set a.b=c`` overrides; every mistake becomes one line."""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from flows.config.schema import BuildConfig
from synth.errors import UserError


def read_config(path: Path, overrides: Sequence[str] = ()) -> BuildConfig:
    """The config in a YAML file, with overrides ``key.key=value`` (values are YAML too).

    Raises :class:`UserError` that names the field, its value and what was expected.
    """
    data = _read_yaml(path)
    return parse_config(apply_overrides(data, overrides), f"file {path}", overrides)


def parse_config(
    data: Mapping[str, Any], source: str = "config", overrides: Sequence[str] = ()
) -> BuildConfig:
    """The config in plain data; ``source`` is named in errors unless an override is to blame."""
    try:
        # JSON mode is strict about types, but still takes text for a path and a list for a tuple.
        return BuildConfig.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        message, field = _describe(error.errors()[0], data)
        raise UserError(f"{message} ({_blame(field, source, overrides)})") from None


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``data`` with each ``a.b=c`` put in its place."""
    out = json.loads(json.dumps(data, default=str))
    for item in overrides:
        path, sign, text = item.partition("=")
        if not sign or not all(path.split(".")):
            raise UserError(f"--set {item}: expected key.key=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"--set {item}: the value is not valid YAML") from None
        *groups, name = path.split(".")
        at = out
        for group in groups:
            at[group] = at.get(group) or {}
            at = at[group]
            if not isinstance(at, dict):
                raise UserError(f"--set {item}: {group} is a value, not a group")
        at[name] = value
    return out


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, expected a YAML file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: not valid YAML") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected keys such as seed and candidates")
    return data


def _describe(problem: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, str]:
    """One line on a pydantic error, and the dotted field that it is about."""
    loc = [str(part) for part in problem["loc"] if part != "[key]" and "[" not in str(part)]
    field = ".".join(loc)
    if problem["type"] == "value_error":  # ours: the message names its own field
        message = str(problem["ctx"]["error"])
        return message, message.partition(":")[0]
    if problem["type"] == "extra_forbidden":
        return f"{field}: unknown key{_suggest(loc)}", field
    if problem["type"] == "missing":
        return f"{field}: missing, expected {_expected(loc) or 'a value'}", field
    expected = _expected(loc) or problem["msg"][0].lower() + problem["msg"][1:]
    return f"{field}: {_value(loc, data, problem['input'])}, expected {expected}", field


def _value(loc: Sequence[str], data: Any, fallback: Any) -> str:
    value = fallback
    at = data
    try:
        for part in loc:
            at = at[int(part)] if isinstance(at, list) else at[part]
        value = at
    except (KeyError, IndexError, TypeError, ValueError):
        pass
    return str(value) if isinstance(value, int | float | str) else json.dumps(value, default=str)


def _suggest(loc: Sequence[str]) -> str:
    model: type[BaseModel] = BuildConfig
    for part in loc[:-1]:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        inner = next((kind for kind in get_args(inner) if kind is not type(None)), inner)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ""
        model = inner
    near = difflib.get_close_matches(loc[-1], model.model_fields, n=1, cutoff=0.5)
    if near:
        return f", did you mean {near[0]}?"
    return f", expected one of {', '.join(model.model_fields)}"


def _expected(loc: Sequence[str]) -> str:
    """What a field takes, in words, out of the model's own JSON schema; empty if it is silent."""
    root = BuildConfig.model_json_schema()
    at: Any = root
    for part in loc:
        at = _inner(_resolve(at, root), part, root)
        if at is None:
            return ""
    return _phrase(_resolve(at, root), root)


def _resolve(schema: Any, root: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _inner(schema: Mapping[str, Any], part: str, root: Mapping[str, Any]) -> Any:
    if part in schema.get("properties", {}):
        return schema["properties"][part]
    if part.isdigit() and "prefixItems" in schema:
        return schema["prefixItems"][int(part)]
    if part.isdigit() and "items" in schema:
        return schema["items"]
    extra = schema.get("additionalProperties")
    if "propertyNames" in schema and part not in schema["propertyNames"].get("enum", [part]):
        return schema["propertyNames"]
    if isinstance(extra, dict):
        return extra
    for option in schema.get("anyOf", ()):
        if (found := _inner(_resolve(option, root), part, root)) is not None:
            return found
    return None


_WORDS = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a group of keys",
}


def _phrase(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_phrase(_resolve(s, root), root) for s in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema:
        return "one of cpu, mps, cuda, cuda:N"
    words = _WORDS.get(schema.get("type", ""), "")
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (
            ("minimum", ">="),
            ("exclusiveMinimum", ">"),
            ("maximum", "<="),
            ("exclusiveMaximum", "<"),
        )
        if key in schema
    ]
    if "multipleOf" in schema:
        bounds.append(f"a multiple of {schema['multipleOf']}")
    if schema.get("minLength") or schema.get("minItems"):
        bounds.append("that is not empty")
    # A ceiling that nobody comes near only hides the bound that matters.
    return f"{words} {' and '.join(bounds[:1] if bounds[:1] == ['>= 1'] else bounds)}".strip()


def _blame(field: str, source: str, overrides: Sequence[str]) -> str:
    for item in reversed(overrides):
        path = item.partition("=")[0]
        if field == path or field.startswith(f"{path}.") or path.startswith(f"{field}."):
            return f"--set {item}"
    return source
