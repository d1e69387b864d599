"""A folder of real radiographs made ready to train a ControlNet on, film by film."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from filters.experts import outlines
from filters.experts.ensemble import load_anatomy, load_findings
from filters.experts.opinion import Expert
from flows.config.terminal import tell, tracked
from flows.films import BATCH, OnceEach, read_film
from flows.preparing.description import Unseen, described
from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.files import working_image
from manifests.films.folders import find_radiographs, other_images
from manifests.films.patients import demographics, not_understood
from manifests.films.prepared import PreparedFolder
from synth.devices import check_device
from synth.errors import UserError
from synth.images.framing import Framed
from synth.prompts.files import PromptRow, rows_by_image

#: Sides that a film can have: a UNet of Stable Diffusion halves the latents, 8 times smaller, three times.
SIZE_STEP, LARGEST = 64, 1024


@dataclass
class PreparedCounts:
    """``prepared`` files, of them ``earlier`` in an earlier run, and those ``refused``."""

    prepared: int = 0
    earlier: int = 0
    refused: int = 0


class _Outcome(NamedTuple):
    """What became of a file; without ``error`` its record holds the row."""

    sha256: str | None
    error: str = ""


def prepare(
    folder: Path,
    out: Path,
    labels: Path | None,
    size: int,
    device: str,
    console: Console,
    megapixels: int = MEGAPIXELS,
) -> PreparedCounts:
    """Prepare every radiograph in and below ``folder`` into ``out``; go on where an earlier run stopped.

    ``labels`` is a prompt file with a column ``image``; files that it does not name are refused. What
    cannot be used, films of more than ``megapixels`` among it, is told in one line each on ``console`` and
    stands with its error in the table.

    Raises UserError in one line for what concerns the whole run.
    """
    if size % SIZE_STEP or not SIZE_STEP <= size <= LARGEST:
        raise UserError(f"size: {size}, expected a multiple of {SIZE_STEP} from {SIZE_STEP} to {LARGEST}")
    sources = find_radiographs(folder, out)
    if others := other_images(folder, out):
        tell(console, f"{folder}: {others}; expected PNG, JPEG or DICOM")
    rows = None if labels is None else _labels(labels, sources, console)
    check_device(device)
    anatomy, findings = load_anatomy(device=device), load_findings(device=device)
    target = PreparedFolder(out)
    with target.store.lock():
        target.begin(
            {
                "size": size,
                "anatomy expert": anatomy.digest,
                "finding expert": findings.digest,
                "findings are taken as there from": outlines.PRESENT,
                "least lung score": outlines.LEAST_LUNG_SCORE,
            }
        )
        target.store.remove_strays()
        target.reopen()
        run = _Preparation(folder, target, rows, size, megapixels, anatomy, findings, console)
        run.prepare(sources)
        target.finish(run.rows(sources))
    return run.summary


def _labels(path: Path, sources: list[str], console: Console) -> dict[str, PromptRow]:
    rows = rows_by_image(path)
    absent = sorted(rows.keys() - set(sources))
    if len(absent) == len(rows):
        raise UserError(f"{path}: image {absent[0]!r} is not in the folder, nor is any other of its images")
    if absent:
        tell(console, f"{path}: {len(absent)} of {len(rows)} images are not in the folder, e.g. {absent[0]}")
    return rows


class _Preparation:
    def __init__(
        self,
        folder: Path,
        target: PreparedFolder,
        labels: Mapping[str, PromptRow] | None,
        size: int,
        megapixels: int,
        anatomy: Expert,
        findings: Expert,
        console: Console,
    ) -> None:
        self.folder, self.target, self.labels, self.size = folder, target, labels, size
        self.megapixels = megapixels
        self.anatomy, self.findings, self.console = anatomy, findings, console
        self.summary = PreparedCounts()
        self._outcomes: dict[str, _Outcome] = {}
        self._once = OnceEach()
        self._waiting: list[Unseen] = []

    def prepare(self, sources: list[str]) -> None:
        for source in tracked(sources, "preparing", len(sources), self.console):
            self._take(source)
            if len(self._waiting) == BATCH:
                self._look()
        self._look()

    def rows(self, sources: list[str]) -> Iterator[dict[str, Any]]:
        """The table's rows, read again one by one: all of them may not fit in memory."""
        for source in sources:
            sha256, error = self._outcomes[source]
            row: Mapping[str, Any] = {"sha256": sha256, "error": error}
            if sha256 is not None and not error:
                row = self.target.row(sha256, self._asked(source))
            yield {"source": _text(source), **row}

    def _take(self, source: str) -> None:
        """Read a file into what waits for the experts, unless it was done before or cannot be used."""
        path, sha256 = self.folder / source, None
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            label = self._label(source)
            self._once.check(path, source, sha256)
            row = self.target.record(sha256, self._asked(source))
            if row is None:
                self._waiting.append(self._read(source, path, label))
            elif row["error"]:
                self._refuse(source, sha256, row["error"])
            else:
                self._keep(source, sha256)
                self.summary.earlier += 1
        except (OSError, DatasetError) as error:
            what = error.strerror if isinstance(error, OSError) else None
            self._refuse(source, sha256, (what or str(error)).removeprefix(f"{path}: "))

    def _label(self, source: str) -> PromptRow | None:
        if self.labels is None:
            return None
        if source not in self.labels:
            raise DatasetError("no row in the labels, expected one with this image")
        return self.labels[source]

    def _read(self, source: str, path: Path, label: PromptRow | None) -> Unseen:
        original = read_film(path, self.megapixels)
        for phrase in not_understood(original):
            tell(self.console, f"{source}: {phrase}")
        image = Framed.of(working_image(original, self.size)).seen
        return Unseen(source, original.sha256, original.kind, image, demographics(original), label)

    def _look(self) -> None:
        """Ask the experts about all that waits, and write what they say."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        images = np.stack([film.image for film in waiting])
        anatomy = self.anatomy.look(images)
        seen = zip(anatomy, self.findings.look(images), strict=True)
        errors = outlines.refusals(self.anatomy, images, anatomy)
        for film, (organs, findings), error in zip(waiting, seen, errors, strict=True):
            asked, score = self._asked(film.source), outlines.lung_score(organs)
            if error:
                self.target.refuse(film.sha256, error, asked)
                self._refuse(film.source, film.sha256, error)
            else:
                self.target.write(described(film, organs, findings, score), asked)
                self._keep(film.source, film.sha256)

    def _keep(self, source: str, sha256: str) -> None:
        self._outcomes[source] = _Outcome(sha256)
        self.summary.prepared += 1

    def _refuse(self, source: str, sha256: str | None, error: str) -> None:
        error = _text(" ".join(error.split()))
        self._outcomes[source] = _Outcome(sha256, error)
        self.summary.refused += 1
        tell(self.console, f"{source}: {error}")

    def _asked(self, source: str) -> dict[str, Any] | None:
        """The label of a file in JSON's types: another one means that a film is to be made again."""
        if self.labels is None or (row := self.labels.get(source)) is None:
            return None
        asked = {k: v for k, v in asdict(row).items() if k not in ("image", "findings")}
        return asked | {"findings": None if row.findings is None else [asdict(f) for f in row.findings]}


def _text(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 are written out, for Parquet has none."""
    return name.encode("utf-8", "backslashreplace").decode()
