"""A user's own prompts: a CSV or Parquet file with a ``prompt`` column, or a text file by lines."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from synth.cases import Case, FindingRequest
from synth.errors import UserError
from synth.findings import FINDING_NAMES, FINDINGS, Severity, Sex, Side, View, Zone
from synth.prompts.reports import parse

_SEXES: dict[str, Sex] = {"f": "F", "female": "F", "m": "M", "male": "M"}
_VIEWS: dict[str, View] = {"pa": "PA", "ap": "AP"}
_NAMES = {f.title: f.name for f in FINDINGS.values()} | {
    synonym: f.name for f in FINDINGS.values() for synonym in f.synonyms
}
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "side": get_args(Side),
    "zone": get_args(Zone),
    "severity": get_args(Severity),
}


@dataclass(frozen=True)
class PromptRow:
    """One row as the user gave it; ``None`` leaves a value to the parser."""

    prompt: str
    age: int | None = None  # years
    sex: Sex | None = None
    view: View | None = None
    findings: tuple[FindingRequest, ...] | None = None
    image: str | None = None  # the radiograph that it describes, where a file names one

    def case(self, seed: int, key: str) -> Case:
        """The row as a case: what it leaves to the parser is read off its prompt."""
        said = parse(self.prompt)
        return Case(
            key,
            seed,
            self.prompt,
            said.findings if self.findings is None else self.findings,
            said.age if self.age is None else self.age,
            self.sex or said.sex,
            self.view or said.view,
            said.unparsed,
        )


class PromptFile:
    """Cases in the order of a file's rows, from the start again when there are more keys than rows.

    ``.csv`` and ``.parquet``: a column ``prompt`` and, optional, ``age`` (years), ``sex`` (F, M),
    ``view`` (PA, AP) and ``findings`` (``effusion right moderate; nodule``, or ``none``), which
    override what the parser reads; empty cells do not. ``image`` names a radiograph
    (:func:`rows_by_image`); other columns are ignored. ``.txt``: a
    prompt per line, blank lines skipped. UTF-8. Anything else raises a one-line ValueError that
    names file, line (row in Parquet), value and what was expected; all rows are checked at once.
    """

    length: int | None

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self.rows = tuple(_read_rows(self.path))
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise UserError(f"{self.path}: {reason}, expected a readable prompt file") from error
        if not self.rows:
            raise UserError(f"{self.path}: no prompts, expected at least one")
        self.length = len(self.rows)

    def case(self, seed: int, key: str) -> Case:
        """The case of row ``int(key) % length``, the same for every seed but for its seed."""
        return self.rows[int(key) % len(self.rows)].case(seed, key)


def rows_by_image(path: Path | str) -> dict[str, PromptRow]:
    """The rows of a prompt file with a column ``image``, by what stands there (``./`` taken off).

    Raises ValueError in one line, as :class:`PromptFile` does, also for a file without that column, an
    empty cell and an image that two rows name.
    """
    found: dict[str, PromptRow] = {}
    for number, row in enumerate(PromptFile(path).rows, 1):
        if row.image is None:
            raise UserError(f"{path}: prompt {number}: no image, expected a column 'image' with a path")
        name = PurePosixPath(row.image).as_posix()
        if name in found:
            raise UserError(f"{path}: prompt {number}: image {name!r} again, expected one row an image")
        found[name] = row
    return found


def read_findings(text: str) -> tuple[FindingRequest, ...]:
    """Findings written as ``name [side] [zone] [severity]``, by semicolons; ``none`` for none.

    Names and synonyms of :mod:`synth.findings`; ValueError says which word was not understood.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(_read_finding(item) for item in text.split(";") if item.strip())


def _read_finding(item: str) -> FindingRequest:
    words = item.lower().replace("_", " ").split()
    found: dict[str, Any] = {}
    for attribute, values in _ATTRIBUTES.items():
        for word in [w for w in words if w in values]:
            words.remove(word)
            found[attribute] = word
    name = _NAMES.get(" ".join(words))
    if name is None:
        raise UserError(
            f"findings: {item.strip()!r}, expected 'name side zone severity' with a name of "
            f"{', '.join(FINDING_NAMES)}"
        )
    return FindingRequest(name, **found)


def _read_rows(path: Path) -> Iterator[PromptRow]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _read_parquet(path)
    elif suffix == ".csv":
        yield from _read_csv(path)
    elif suffix == ".txt":
        lines = enumerate(_read_text(path).splitlines(), 1)
        yield from (_row(f"{path}: line {n}", {"prompt": line}) for n, line in lines if line.strip())
    else:
        raise UserError(f"{path}: {suffix or 'no suffix'}, expected .csv, .parquet or .txt")


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line}: byte 0x{data[error.start]:02x}, expected UTF-8 text"
        ) from error


def _read_csv(path: Path) -> Iterator[PromptRow]:
    text = _read_text(path)
    if not text.strip():
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or ()]
        _check_columns(path, columns)
        reader.fieldnames = columns
        for cells in reader:
            where = f"{path}: line {reader.line_num}"
            if None in cells or None in cells.values():
                given = sum(v is not None for k, v in cells.items() if k) + len(cells.get(None) or ())
                raise UserError(f"{where}: {given} cells, expected {len(columns)}")
            yield _row(where, cells)
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.reader.line_num}: {error}, expected a CSV file") from error


def _read_parquet(path: Path) -> Iterator[PromptRow]:
    from pyarrow import ArrowInvalid, parquet, types

    try:
        table = parquet.read_table(path)
    except ArrowInvalid as error:
        raise UserError(f"{path}: not a Parquet file, expected one with this suffix") from error
    _check_columns(path, table.column_names)
    wanted = [c for c in table.column_names if c in ("prompt", "age", "sex", "view", "findings")]
    if "image" in table.column_names and types.is_string(table.schema.field("image").type):
        wanted.append("image")  # a name; pictures themselves are another column
    for number, cells in enumerate(table.select(wanted).to_pylist(), 1):
        yield _row(f"{path}: row {number}", cells)


def _check_columns(path: Path, columns: list[str]) -> None:
    if "prompt" not in columns:
        raise UserError(f"{path}: columns {', '.join(columns)}, expected one named 'prompt'")


def _row(where: str, cells: Mapping[str, Any]) -> PromptRow:
    values = {name: "" if cell is None else str(cell).strip() for name, cell in cells.items()}
    prompt = values["prompt"]
    if not prompt:
        raise UserError(f"{where}: prompt is empty, expected text")
    sex, view, findings = (values.get(name, "") for name in ("sex", "view", "findings"))
    if sex and sex.lower() not in _SEXES:
        raise UserError(f"{where}: sex: {sex!r}, expected F or M")
    if view and view.lower() not in _VIEWS:
        raise UserError(f"{where}: view: {view!r}, expected PA or AP")
    try:
        requested = read_findings(findings) if findings else None
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    age = _read_age(where, values.get("age", ""))
    image = values.get("image") or None
    return PromptRow(prompt, age, _SEXES.get(sex.lower()), _VIEWS.get(view.lower()), requested, image)


def _read_age(where: str, text: str) -> int | None:
    if not text or text == "nan":
        return None
    try:
        age = float(text)
    except ValueError:
        age = -1.0
    if not (0 <= age <= 120 and age.is_integer()):
        raise UserError(f"{where}: age: {text!r}, expected whole years from 0 to 120")
    return int(age)
