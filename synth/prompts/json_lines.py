"""Prompts as JSON lines: an object a line, its names taken for columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synth.errors import UserError
from synth.strict_json import parse_json
from synth.terminal import shown


def read_objects(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each object stands, for errors, and its values as text, "" for null; blank lines are skipped.

    Raises UserError in one line that names file and line, for what is no flat object of text and numbers.
    """
    for number, line in enumerate(text.split("\n"), 1):  # other line breaks may stand in JSON's text
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            found = parse_json(line.encode())
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        if not isinstance(found, dict):
            raise UserError(f"{where}: {shown(str(found))!r}, expected a JSON object")
        yield where, {name: _text(where, name, value) for name, value in found.items()}


def _text(where: str, name: str, value: Any) -> str:
    """Several texts, as labels often are, become one as a column of findings has it."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "; ".join(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise UserError(f"{where}: {shown(name)}: {shown(str(value))!r}, expected text or a number")
