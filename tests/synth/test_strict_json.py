"""JSON is read as every reader would read it, or refused in a few words."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.errors import UserError
from synth.strict_json import DEEPEST, parse_json

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(values, st.booleans())
def test_what_was_written_is_read(value, plain):
    assert parse_json(json.dumps(value, ensure_ascii=plain).encode()) == value


@given(st.binary(max_size=60))
def test_anything_else_is_told(data):
    with suppress(UserError):  # and nothing else
        json.dumps(parse_json(data))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 3000,
        b'{"a":' * 100_000,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b'{"a": 1, "b": {"c": 1, "c": 2}}',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b'"\\ud800"',
        b"\xff",
        b"1" * 5000,
        b"",
    ],
)
def test_what_readers_would_not_agree_on_is_refused(data):
    with pytest.raises(UserError):
        parse_json(data)


def test_brackets_in_strings_are_text():
    assert parse_json(json.dumps(["[" * 999, '\\"[']).encode()) == ["[" * 999, '\\"[']
