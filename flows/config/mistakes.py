"""A mistake in a config in one line: the field, its value, and what was expected, in words."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from flows.config.schema import BuildConfig
from synth.terminal import shown


def describe(
    problem: Mapping[str, Any], data: Mapping[str, Any], kind: type[BaseModel] = BuildConfig
) -> tuple[str, str]:
    """One line on a pydantic error about ``data`` of some ``kind``, and the dotted field that it is about."""
    loc, value = _place(problem, data)
    field = ".".join(loc)
    if problem["type"] == "value_error":  # ours: the message names its own field
        message = str(problem["ctx"]["error"])
        return message, message.partition(":")[0]
    told = shown(field)
    if problem["type"] == "extra_forbidden":
        return f"{told}: unknown key{_suggest(loc, kind)}", field
    if problem["type"] == "missing":
        return f"{told}: missing, expected {_expected(loc, kind) or 'a value'}", field
    expected = _expected(loc, kind) or problem["msg"][0].lower() + problem["msg"][1:]
    said = value if isinstance(value, int | float | str) else json.dumps(value)
    return f"{told}: {shown(said)}, expected {expected}", field


def _place(problem: Mapping[str, Any], data: Any) -> tuple[list[str], Any]:
    """The keys that lead to what a problem is about, and what stands there.

    Pydantic puts in words of its own, as ``[key]``; the user's keys, which may look like them, are those that
    are in the data, and one that is missing.
    """
    place: list[str] = []
    for part in problem["loc"]:
        if isinstance(data, list) and isinstance(part, int):
            there = part < len(data)
        else:
            there = isinstance(data, Mapping) and part in data
        if there or problem["type"] == "missing":
            place.append(str(part))
        if there:
            data = data[part]
    return place, data


def _suggest(loc: Sequence[str], kind: type[BaseModel]) -> str:
    model = kind
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


def _expected(loc: Sequence[str], kind: type[BaseModel]) -> str:
    """What a field takes, in words, out of the model's own JSON schema; empty if it is silent."""
    root = kind.model_json_schema()
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
    if part.isdecimal() and "prefixItems" in schema:
        return next(iter(schema["prefixItems"][int(part) :]), None)
    if part.isdecimal() and "items" in schema:
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
