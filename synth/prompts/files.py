"""A user's own prompts: what each row of a file asks for, and what of it was not understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from synth.cases import Case, FindingRequest
from synth.errors import UserError
from synth.findings import Sex, View
from synth.prompts.grammar import read_findings
from synth.prompts.reports import Parsed, parse
from synth.prompts.tables import NOTHING, Cells, read_cells
from synth.settings import LONGEST_PROMPT
from synth.terminal import shown

_SEXES: dict[str, Sex] = {"f": "F", "female": "F", "m": "M", "male": "M"}
_VIEWS: dict[str, View] = {"pa": "PA", "ap": "AP"}
#: Rows that a note quotes.
EXAMPLES = 3


@dataclass(frozen=True)
class PromptRow:
    """One row as the user gave it; ``None`` leaves a value to the parser."""

    prompt: str
    age: int | None = None  # years
    sex: Sex | None = None
    view: View | None = None
    findings: tuple[FindingRequest, ...] | None = None
    image: str | None = None  # the radiograph that it describes, where a file names one
    cut: bool = False  # whether its text was longer than what is read

    @cached_property
    def parsed(self) -> Parsed:
        """What the parser reads off the prompt."""
        return parse(self.prompt)

    @property
    def complete(self) -> bool:
        """Whether the findings are all there is: a column says them, or the text was understood, whole."""
        return self.findings is not None or (self.parsed.complete and not self.cut)

    def case(self, seed: int, key: str) -> Case:
        """The row as a case: what it leaves to the parser is read off its prompt."""
        said = self.parsed
        return Case(
            key,
            seed,
            self.prompt,
            said.findings if self.findings is None else self.findings,
            said.age if self.age is None else self.age,
            self.sex or said.sex,
            self.view or said.view,
            said.unparsed,
            self.complete,
        )

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What a column says otherwise than the text, e.g. ``sex: column F, text M``."""
        said = self.parsed
        pairs = [("age", self.age, said.age), ("sex", self.sex, said.sex), ("view", self.view, said.view)]
        told = [f"{name}: column {a}, text {b}" for name, a, b in pairs if None not in (a, b) and a != b]
        if self.findings is not None:
            asked, read = {f.name for f in self.findings}, {f.name for f in said.findings}
            if (read or said.complete) and asked != read:
                told.append(f"findings: column {_names(asked)}, text {_names(read)}")
        return tuple(told)


class PromptFile:
    """Cases in the order of a file's rows, from the start again when there are more keys than rows.

    ``.csv``, ``.parquet`` and ``.jsonl``: a column ``prompt`` and, optional, ``age`` (years), ``sex`` (F, M),
    ``view`` (PA, AP) and ``findings`` (``effusion right moderate; nodule``, or ``none``), which
    override what the parser reads; empty cells do not. ``image`` names a radiograph
    (:func:`rows_by_image`); :data:`synth.prompts.tables.COLUMNS` says what else columns may be called, and
    ``columns`` what the file calls some of them.
    ``.txt``: a prompt per line, blank lines skipped. UTF-8. ``understood``: rows that hold text which was
    not are left out. Prompts are cut to ``longest`` characters. ``notes`` are lines for the user: what was
    cut, left out, not understood, contradicts itself, or was not read.

    Anything else raises a one-line UserError that names file, line (row in Parquet), value and what
    was expected; all rows are checked at once.
    """

    length: int | None

    def __init__(
        self,
        path: Path | str,
        understood: bool = False,
        longest: int = LONGEST_PROMPT,
        columns: Mapping[str, str] = NOTHING,
    ) -> None:
        self.path = Path(path)
        try:
            cells, ignored = read_cells(self.path, columns)
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise UserError(f"{self.path}: {reason}, expected a readable prompt file") from error
        every = [_row(c, longest) for c in cells]
        if not every:
            raise UserError(f"{self.path}: no prompts, expected at least one")
        self.rows = tuple(row for row in every if row.complete) if understood else tuple(every)
        self.notes = tuple(_notes(self.path, cells, every, ignored, understood))
        if not self.rows:
            raise UserError(f"{self.path}: {len(every)} prompts, expected one that is understood whole")
        self.length = len(self.rows)

    def case(self, seed: int, key: str) -> Case:
        """The case of row ``int(key) % length``, the same for every seed but for its seed."""
        return self.rows[int(key) % len(self.rows)].case(seed, key)


def rows_by_image(path: Path | str) -> dict[str, PromptRow]:
    """The rows of a prompt file with a column ``image``, by what stands there (``./`` taken off).

    Raises UserError in one line, as :class:`PromptFile` does, also for a file without that column, an
    empty cell and an image that two rows name.
    """
    found: dict[str, PromptRow] = {}
    for number, row in enumerate(PromptFile(path).rows, 1):
        if row.image is None:
            raise UserError(f"{path}: prompt {number}: no image, expected a column 'image' with a path")
        name = PurePosixPath(row.image).as_posix()
        if name in found:
            raise UserError(
                f"{path}: prompt {number}: image {shown(name)!r} again, expected one row an image"
            )
        found[name] = row
    return found


def _row(cells: Cells, longest: int) -> PromptRow:
    where, values = cells.where, cells.values
    text = values.get("prompt", "")
    prompt = text[:longest]
    if not prompt:
        raise UserError(f"{where}: prompt is empty, expected text")
    sex, view, findings = (values.get(name, "") for name in ("sex", "view", "findings"))
    if sex and sex.lower() not in _SEXES:
        raise UserError(f"{where}: sex: {shown(sex)!r}, expected F or M")
    if view and view.lower() not in _VIEWS:
        raise UserError(f"{where}: view: {shown(view)!r}, expected PA or AP")
    try:
        requested = read_findings(findings) if findings else None
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    age = _read_age(where, values.get("age", ""))
    return PromptRow(
        prompt,
        age,
        _SEXES.get(sex.lower()),
        _VIEWS.get(view.lower()),
        requested,
        values.get("image") or None,
        cut=len(text) > longest,
    )


def _read_age(where: str, text: str) -> int | None:
    if not text or text == "nan":
        return None
    try:
        age = float(text)
    except ValueError:
        age = -1.0
    if not (0 <= age <= 120 and age.is_integer()):
        raise UserError(f"{where}: age: {shown(text)!r}, expected whole years from 0 to 120")
    return int(age)


def _notes(
    path: Path, cells: Sequence[Cells], rows: Sequence[PromptRow], ignored: Sequence[str], understood: bool
) -> list[str]:
    notes = [f"{path}: columns not read: {', '.join(ignored)}"] if ignored else []
    if long := [c.where for c, r in zip(cells, rows, strict=True) if r.cut]:
        notes.append(
            f"{path}: {len(long)} of {len(rows)} prompts are longer than is read, and are cut, e.g. "
            f"{', '.join(long[:EXAMPLES])}"
        )
    unclear = [(c.where, r) for c, r in zip(cells, rows, strict=True) if not r.complete]
    if unclear:
        fate = "are left out" if understood else "are drawn, never called normal"
        quoted = [f"{where}: {_quoted(row)}" for where, row in unclear[:EXAMPLES]]
        notes.append(
            f"{path}: {len(unclear)} of {len(rows)} prompts hold text that was not understood, and {fate}, "
            f"e.g. {'; '.join(quoted)}"
        )
    odd = [(c.where, r.contradictions) for c, r in zip(cells, rows, strict=True) if r.contradictions]
    if odd:
        quoted = [f"{where}: {', '.join(told)}" for where, told in odd[:EXAMPLES]]
        notes.append(
            f"{path}: {len(odd)} of {len(rows)} rows contradict their own text (columns hold), e.g. "
            f"{'; '.join(quoted)}"
        )
    return notes


def _quoted(row: PromptRow) -> str:
    said = [*row.parsed.unparsed, *(f"{name.replace('_', ' ')} uncertain" for name in row.parsed.uncertain)]
    if not said:
        return repr(f"{row.prompt[:59]}…")  # understood as far as it is read
    text = said[0] if len(said[0]) <= 60 else f"{said[0][:59]}…"
    return repr(text)


def _names(names: set[str]) -> str:
    return " and ".join(sorted(names)) or "none"
