"""Answers of readers as the page saves them: a row of each film that a reader answered anything about."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.evaluation.study.key import AUTHENTIC, QUALITY, USEFUL, Key, SealedFilm
from synth.errors import UserError

COLUMNS: Final = ("kit", "reader", "film", "authentic", "quality", "seen", "useful")
#: What stands under ``seen`` where a reader saw none of the findings.
NONE: Final = "none"
_CODE = re.compile(r"[A-Za-z0-9_-]{1,32}")
#: Bytes of a file; thousands of films take a hundredth of it.
_LARGEST: Final = 1 << 24


@dataclass(frozen=True)
class Answer:
    """What one reader said of one film; None where nothing was said. ``authentic``, ``quality`` and grades of
    ``useful`` as :mod:`flows.evaluation.study.key` has them, ``seen`` the findings ticked."""

    authentic: int | None
    quality: int | None
    seen: frozenset[str] | None
    useful: Mapping[str, int]


#: By reader and film.
Answers = dict[tuple[str, str], Answer]


def read_answers(paths: Sequence[Path], key: Key) -> Answers:
    """The answers in all files, in the order in which they stand.

    :raises UserError: in one line that names file and row: answers of another kit, a film answered twice by
        one reader, a row that is malformed.
    """
    films = {film.id: film for film in key.sealed.films}
    found: Answers = {}
    first: dict[tuple[str, str], str] = {}
    for path in paths:
        for number, row in _rows(path):
            where = f"{path}: row {number}"
            reader, film, answer = _answer(row, key, films, where)
            if (reader, film) in found:
                raise UserError(
                    f"{where}: {reader} answered {film} in {first[reader, film]} too, expected each film once"
                )
            found[reader, film], first[reader, film] = answer, where
    if not any(a.authentic or a.quality or a.useful or a.seen is not None for a in found.values()):
        raise UserError(f"{', '.join(map(str, paths))}: no answers, expected those of one reader or more")
    return found


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise UserError(f"{path}: more than {_LARGEST} bytes, expected answers that the page saved")
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {error}, expected the CSV that the page saved") from None
    if not lines or tuple(lines[0]) != COLUMNS:
        head = ",".join(lines[0])[:60] if lines else ""
        raise UserError(f"{path}: row 1 is {head!r}, expected {','.join(COLUMNS)}")
    return [(i, row) for i, row in enumerate(lines[1:], start=2) if row]


def _answer(row: list[str], key: Key, films: Mapping[str, SealedFilm], where: str) -> tuple[str, str, Answer]:
    if len(row) != len(COLUMNS):
        raise UserError(f"{where}: {len(row)} fields, expected {len(COLUMNS)}")
    kit, reader, film, authentic, quality, seen, useful = row
    if kit != key.seal:
        raise UserError(f"{where}: kit {kit[:12]!r}…, expected {key.seal[:12]!r}…: answers of another kit")
    if not _CODE.fullmatch(reader):
        raise UserError(f"{where}: reader is {reader[:40]!r}, expected up to 32 letters, digits, - and _")
    if film not in films:
        raise UserError(f"{where}: film is {film[:40]!r}, expected one of {key.sealed.films[0].id} and on")
    answer = Answer(
        _grade(authentic, AUTHENTIC, f"{where}: authentic"),
        _grade(quality, QUALITY, f"{where}: quality"),
        _seen(seen, key.sealed.findings, f"{where}: seen"),
        _useful(useful, films[film].overlays, f"{where}: useful"),
    )
    if answer.useful and answer.authentic is None:
        raise UserError(f"{where}: useful without authentic, expected no outline to be shown before it")
    return reader, film, answer


def _grade(text: str, grades: Sequence[int], where: str) -> int | None:
    if text and text not in map(str, grades):
        raise UserError(f"{where} is {text[:40]!r}, expected {grades[0]} to {grades[-1]} or nothing")
    return int(text) if text else None


def _seen(text: str, asked: Sequence[str], where: str) -> frozenset[str] | None:
    names = text.split("|") if text else []
    expected = f"of {', '.join((*asked, NONE))}"
    for name in names:
        if name not in (*asked, NONE):
            raise UserError(f"{where} is {name[:40]!r}, expected some {expected}")
    if len(set(names)) < len(names) or (NONE in names and len(names) > 1):
        raise UserError(f"{where} is {text[:60]!r}, expected each once, and {NONE} alone")
    return frozenset(names) - {NONE} if names else None


def _useful(text: str, overlays: Sequence[str], where: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in text.split("|") if text else ():
        name, _, grade = item.partition("=")
        if name not in overlays or name in found:
            raise UserError(f"{where} is {item[:40]!r}, expected each outline of the film once")
        if grade not in map(str, USEFUL):
            raise UserError(f"{where} is {item[:40]!r}, expected NAME={USEFUL[0]} to NAME={USEFUL[-1]}")
        found[name] = int(grade)
    return found
