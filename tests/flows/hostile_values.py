"""Config values that nobody means, drawn from a seed: what users mistype, and what attackers send."""

import numpy as np

Rng = np.random.Generator

#: YAML of one value each; the first that are long or nested are those that ended badly once.
VALUES = (
    "9" * 5000,
    "9" * 400,
    "-" + "9" * 309,
    "1e400",
    "1.0e+999",
    ".nan",
    "-.inf",
    "0x" + "f" * 3000,
    "1:" * 3000 + "1",
    "1:" * 3000 + "1.5",
    "2020-01-01",
    "2020-13-45",
    "2020-01-01 25:61:61",
    "&a [*a]",
    "&a {b: *a}",
    "*nobody",
    "!!int abc",
    "!!int ''",
    "!!float x",
    "!!bool x",
    "!!binary aa",
    "!!set {a, b}",
    "!!timestamp x",
    "!!python/object/apply:os.getcwd []",
    "[" * 900 + "]" * 900,
    "{a: " * 900 + "}" * 900,
    "- " * 5000,
    "x" * 50_000,
    "x" * 1_000_000,
    '"\\0"',
    '"\\ud800"',
    '"\\e[2J"',
    "[1, 2, 3]",
    "{1: 2}",
    "{[1]: 2}",
    "{null: 2}",
    "{'[key]': -1}",
    "{a: &b [1], c: *b}",
    "",
    "~",
    "=",
    "<<",
    "yes",
    "-0.0",
    "'",
    "a::b",
    "file://a::b",
    "a::b://c",
    "github://x",
    "nosuch://x",
    "../" * 300,
    "cuda:" + "9" * 4000,
    "²",
    "effusion, left, right",
    "[effusion, effusion]",
)
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
#: Keys that no field has.
KEYS = ("images[0]", "[key]", "", "a", "0", "9" * 300, "\u202e", "²", "x" * 5000, "self", "model_config")


def hostile_override(rng: Rng, fields: list[str]) -> str:
    """``key.key=value`` with a field, or what looks like one, and a value that mostly does not fit it."""
    path = str(rng.choice(fields))
    if (kind := rng.integers(10)) < 3:
        parts = path.split(".")
        at = int(rng.integers(len(parts) + 1))
        path = ".".join((*parts[:at], KEYS[rng.integers(len(KEYS))], *parts[at + int(rng.integers(2)) :]))
    elif kind == 3:
        path = ".".join([path] * int(rng.integers(2, 400)))
    return f"{path}={hostile_value(rng)}"


def hostile_value(rng: Rng) -> str:
    """One of VALUES, as it is, in a list or group, or with one sign changed."""
    value = VALUES[rng.integers(len(VALUES))]
    kind = rng.integers(6)
    if kind == 0:
        return f"[{value}, {value}]"
    if kind == 1:
        return f"{{{KEYS[rng.integers(len(KEYS))]}: {value}}}"
    if kind == 2 and value:
        at = int(rng.integers(len(value)))
        return value[:at] + chr(int(rng.integers(1, 0x3000))) + value[at + 1 :]
    return value
