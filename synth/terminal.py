"""The door of the terminal: text from data, as a line that a terminal only shows."""

import re

#: Controls (a terminal obeys them), marks that turn the direction of writing, and halves of a sign.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: Signs of a value that an error names.
_VALUE = 200


def printable(text: object, most: int | None = None) -> str:
    """``text`` on one line, each sign that a terminal would obey as its number; cut to ``most`` signs."""
    line = str(text)
    if most is not None:
        line = line[: most + 1]  # of a megabyte the rest need not be looked at
    line = _UNSHOWN.sub(lambda found: f"\\x{ord(found[0]):02x}", line)
    return line if most is None or len(line) <= most else f"{line[: most - 1]}…"


def shown(value: object) -> str:
    """A value as an error names it: readable, however long it is."""
    return printable(value, _VALUE)
