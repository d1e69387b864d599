"""The radiographs of an edit dataset: found, checked before a build starts, and what is asked of each."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.config.edit import Edit
from flows.config.schema import BuildConfig
from flows.config.shards import KEY_DIGITS
from flows.films import OnceEach, read_film
from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.files import read_original
from manifests.films.folders import find_radiographs, other_images
from manifests.films.originals import Original
from manifests.films.patients import demographics, not_understood
from synth.cases import BEFORE, Case, FindingRequest
from synth.demographics import Demographics
from synth.errors import UserError
from synth.prompts.edit_requests import EditRequest
from synth.prompts.files import PromptRow, rows_by_image
from synth.prompts.phrases import write_prompt
from synth.seeding import numpy_generator


@dataclass(frozen=True)
class Source:
    """One radiograph: its file's path relative to the folder, what the file holds, and whose it is.

    ``shown`` are the findings that its label names, None without labels.
    """

    name: str
    sha256: str
    who: Demographics
    shown: tuple[FindingRequest, ...] | None = None

    def to_remove(self, request: EditRequest) -> tuple[str, ...]:
        """What of a request's findings it shows, as far as a label tells."""
        if self.shown is None:
            return request.remove
        named = {finding.name for finding in self.shown}
        return tuple(name for name in request.remove if name in named)


@dataclass(frozen=True)
class PairCases:
    """The cases of pairs: radiograph i is before in the case of key 2i and edited in that of 2i + 1.

    ``megapixels``: the largest film that is read.
    """

    folder: Path
    sources: tuple[Source, ...]
    request: EditRequest
    notes: tuple[str, ...] = ()
    megapixels: int = MEGAPIXELS

    @property
    def length(self) -> int:
        """How many cases there are."""
        return 2 * len(self.sources)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the radiographs' relative paths and contents, in their order."""
        lines = "".join(f"{s.name}\0{s.sha256}\n" for s in self.sources)
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()

    def source(self, key: str) -> Source:
        """The radiograph of a key."""
        return self.sources[int(key) // 2]

    def asked(self, key: str) -> EditRequest:
        """What is to be done to a key's radiograph: no finding is removed that its label does not name."""
        remove = self.source(key).to_remove(self.request)
        return self.request if remove == self.request.remove else replace(self.request, remove=remove)

    def case(self, seed: int, key: str) -> Case:
        """The case of ``key`` before anyone has looked at the radiograph; equal whenever both are."""
        return self.described(seed, key, self.asked(key))

    def described(self, seed: int, key: str, done: EditRequest) -> Case:
        """The case of ``key`` where ``done`` is what its radiograph's edit comes to."""
        source = self.source(key)
        findings = source.shown
        if findings is None:
            findings = tuple(FindingRequest(name) for name in done.remove)
        edited = int(key) % 2 == 1
        if edited:
            kept = [f for f in findings if done.leaves(f.name)]
            findings = tuple(dict.fromkeys([*kept, *done.add]))
        who, pair = source.who, f"{int(key) // 2 * 2:0{KEY_DIGITS}d}"
        # One generator for both, so that the texts of a pair introduce the patient in the same words.
        return Case(
            key,
            seed,
            write_prompt(findings, who, numpy_generator(seed, pair, "prompt")),
            findings,
            who.age,
            who.sex,
            who.view,
            pair=pair,
            source_sha256=source.sha256,
            edit=str(done) if edited else BEFORE,
        )

    def read(self, source: Source) -> Original:
        """The radiograph itself. DatasetError when the file is no longer what it was."""
        original = read_original(self.folder / source.name, self.megapixels)
        if original.sha256 != source.sha256:
            raise DatasetError(f"{original.path}: was changed since the build began")
        return original


def read_sources(config: BuildConfig) -> PairCases:
    """The radiographs that the candidates of a config need, each read and checked.

    With labels they are those that the file names and that show something to remove, unless something is
    to be added anyway. Raises UserError, one line: when there are fewer than
    ``candidates`` need, and naming the first and the number of those that are damaged, no frontal view by
    their header, or the same file as another.
    """
    edit = config.edit
    if edit is None:
        raise ValueError("edit: None, expected an edit dataset's config")
    try:
        names = find_radiographs(edit.source, Path(config.output))
    except DatasetError as error:
        raise UserError(f"edit.source: {error}") from error
    if others := other_images(edit.source, Path(config.output)):
        print(f"edit.source: {edit.source}: {others}; expected PNG, JPEG or DICOM", file=sys.stderr)
    rows = _labels(edit, names)
    request = edit.request
    if rows is not None:
        names = [name for name in names if name in rows and _can_be_edited(rows[name], request)]
    if config.candidates > 2 * len(names):
        labelled = "" if rows is None else f" that {edit.labels} names with a finding to remove"
        raise UserError(
            f"candidates: {config.candidates}, expected at most {2 * len(names)}: edit.source has "
            f"{len(names)} radiographs{labelled}"
        )
    names = names[: config.candidates // 2]
    sources = tuple(_checked(edit, names, rows))
    return PairCases(edit.source, sources, request, megapixels=edit.megapixels)


def _labels(edit: Edit, names: Sequence[str]) -> dict[str, PromptRow] | None:
    if edit.labels is None:
        return None
    if not edit.labels.is_file():
        raise UserError(f"edit.labels: {edit.labels}, expected a CSV or Parquet file")
    rows = rows_by_image(edit.labels)
    if not rows.keys() & set(names):
        raise UserError(
            f"{edit.labels}: image {min(rows)!r} is not in {edit.source}, nor is any other of its images"
        )
    return rows


def _can_be_edited(row: PromptRow, request: EditRequest) -> bool:
    shown = {finding.name for finding in row.case(0, "0").findings}
    return bool(shown & set(request.remove)) or bool(request.add and not request.replace)


def _checked(edit: Edit, names: Sequence[str], rows: dict[str, PromptRow] | None) -> list[Source]:
    """Every source read once; UserError for the first that cannot be used, saying how many there are."""
    sources: list[Source] = []
    wrong: list[str] = []
    odd: list[str] = []
    once = OnceEach()
    for name in names:
        path = edit.source / name
        try:
            original = read_film(path, edit.megapixels)
            once.check(path, name, original.sha256)
        except DatasetError as error:
            wrong.append(str(error))
            continue
        odd += [f"{path}: {phrase}" for phrase in not_understood(original)]
        sources.append(_source(name, original, None if rows is None else rows[name]))
    if wrong:
        more = f" (and {len(wrong) - 1} more of {len(names)} files)" if len(wrong) > 1 else ""
        raise UserError(f"edit.source: {wrong[0]}{more}")
    if odd:
        more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        print(f"edit.source: {odd[0]}{more}", file=sys.stderr)
    return sources


def _source(name: str, original: Original, row: PromptRow | None) -> Source:
    who = demographics(original)
    if row is None:
        return Source(name, original.sha256, who)
    case = row.case(0, "0")
    return Source(name, original.sha256, case.who.updated(who), case.findings)
