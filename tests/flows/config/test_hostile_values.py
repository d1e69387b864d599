"""Whatever stands in a config, on the command line or in what audit replays: one short line, soon."""

import resource
import time
from pathlib import Path

import numpy as np
import pytest
from config_fields import BASE, leaves
from hostile_values import BOMB, VALUES, hostile_override

from flows.commands.audit import parse_thresholds
from flows.config.accepted_per import AcceptedPer
from flows.config.edit import Edit
from flows.config.reading import apply_overrides, parse_config, read_config
from synth.errors import UserError, users_mistake

FIELDS = [
    *leaves(),
    *(f"edit.{name}" for name in Edit.model_fields),
    *(f"accepted_per.{name}" for name in AcceptedPer.model_fields),
]
#: Signs that an error may have, however long the value is that it names.
LONGEST = 1200
SECONDS, BYTES = 5, 2 << 30


def outcome(action):
    """None, or the one line of what ``action`` raises; anything but a user's mistake passes through."""
    begun, line = time.process_time(), None
    try:
        action()
    except Exception as error:
        if (line := users_mistake(error)) is None:
            raise
    assert time.process_time() - begun < SECONDS
    assert line is None or len(line) <= LONGEST
    return line


def read(tmp_path, text, overrides=()):
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8", "surrogatepass")
    return outcome(lambda: read_config(path, overrides))


TOLD = {
    "images[0]=3": "images[0]: unknown key, did you mean images?",
    "'[key]'=3": "'[key]': unknown key",
    "prompts.weights={'[key]': 1}": "prompts.weights.[key]: 1, expected one of",
    f"seed={'9' * 5000}": "line 1: '9999",
    f"images.steps={'9' * 400}": "line 1: a number of 1329 bits, expected at most 1023",
    "candidates=2020-01-01": "candidates: 2020-01-01, expected an integer",
    "candidates=2020-13-45": "candidates: 2020-13-45, expected an integer",
    "images=&a {steps: *a}": "line 1: an alias that contains itself",
    f"images={'[' * 900}{']' * 900}": "line 1: nested deeper than 32 levels",
    f"{'a.' * 900}b=1": "nested deeper than 32 levels",
    "candidates=!!int abc": "line 1: 'abc', expected int",
    "images.device=!!binary aa": "line 1: not valid YAML",
    "prompts.weights={1: 2}": "a key of type int, expected text",
    'output="\\0"': "expected text that a file can be named by",
    "prompts.age=[1, 2, 3]": "prompts.age: [1, 2, 3], expected",
    "prompts.age.²=1": "prompts.age: {",
    "seed.x=1": "seed is a value, not a group",
}


@pytest.mark.parametrize("override", TOLD)
def test_a_value_that_ended_as_a_bug_is_one_line(override):
    with pytest.raises(UserError) as told:
        parse_config(apply_overrides({"seed": 0, **BASE}, [override]), "file a.yaml", [override])
    assert TOLD[override] in str(told.value)
    assert len(str(told.value)) <= LONGEST


def test_an_alias_bomb_is_told_at_once(tmp_path):
    assert "line 5: more than 10000 values, aliases spelled out" in read(tmp_path, BOMB)
    merged = BOMB.replace("[x,x,x,x,x,x,x,x,x", "[{x: 1}").replace("[*", "{<<: [*").replace("]\n", "]}\n")
    assert "more than 10000 values" in read(tmp_path, merged.replace("[{x: 1}]}", "{x: 1}"))


def test_aliases_that_a_person_writes_are_read(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "candidates: 8\noutput: out\nprompts:\n  sex: &even {F: 1, M: 1}\n  view: {PA: 1, AP: 1}\n"
    )
    assert read_config(path).prompts.sex == {"F": 1, "M": 1}
    path.write_text("candidates: 8\noutput: 2020-01-01\nimages: &i {steps: 5}\nworkers: {<<: {retries: 3}}\n")
    assert (read_config(path).output, read_config(path).workers.retries) == ("2020-01-01", 3)


def test_a_value_of_a_megabyte_is_not_echoed(tmp_path):
    assert "more than 262144 bytes, expected a YAML file" in read(tmp_path, f"output: {'x' * 1_000_000}")
    assert "65500" not in (line := read(tmp_path, f"candidates: {'x' * 65_000}"))
    assert "…, expected an integer" in line


def test_plain_data_is_held_to_the_same():
    circle = {"seed": 1}
    circle["images"] = circle
    deep = []
    for _ in range(5000):
        deep = [deep]
    for data, told in (
        (circle, "nested deeper than 32 levels"),
        ({**BASE, "images": deep}, "nested deeper than 32 levels"),
        ({**BASE, "seed": 10**5000}, "seed: a number of 16610 bits"),
        ({**BASE, "images": {3: 4}}, "images: a key of type int"),
        ({**BASE, "prompts": {"findings": ["x"] * 20_000}}, "more than 10000 values"),
        ({**BASE, "output": Path("a\0b")}, "output: a\\x00b, expected text"),
    ):
        with pytest.raises(UserError) as caught:
            parse_config(data)
        assert told in str(caught.value)


@pytest.mark.parametrize("value", VALUES)
def test_a_threshold_to_replay_is_held_to_the_same(value):
    line = outcome(lambda: parse_thresholds([f"filters.integrity.threshold={value}"]))
    assert line is None or line.startswith("--set filters.integrity.threshold=")


def walk(tmp_path, seeds):
    """Random values by an override and by the file; how many were told."""
    told = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        item = hostile_override(rng, FIELDS)
        if rng.random() < 0.5:
            told += read(tmp_path, "candidates: 64\noutput: out\n", [item]) is not None
        else:
            key, _, value = item.partition("=")
            indents = key.split(".")[:40]
            lines = "".join(f"{' ' * i}{k}:\n" for i, k in enumerate(indents))
            told += read(tmp_path, f"{lines[:-1]} {value}\n") is not None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < BYTES
    return told


def test_random_values_are_one_line_each(tmp_path):
    assert walk(tmp_path, range(150)) > 100


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_two_thousand_random_values_are_one_line_each(tmp_path):
    assert walk(tmp_path, range(1000, 3000)) > 1500
