"""Radiographs edited from files to files: what can be is, what cannot is told, what was done is skipped."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from flows.editing.plan import Film, plan
from flows.editing.retoucher import Retouched, Retoucher, is_afresh, seen_again, shortfall, unasked, unmoved
from flows.films import each, read_film, together
from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.edited import UNCHANGED, EditedFolder, EditedRadiograph, stem_of
from manifests.films.masks import MaskFile
from manifests.films.originals import Original
from manifests.films.patients import demographics, not_understood
from manifests.sheets.edit_sheet import EditShown, edit_sheet
from synth.cases import Lesion
from synth.editing import step_count
from synth.images.finite import NotFiniteError
from synth.prompts.edit_requests import EditRequest
from synth.seeding import derive_seed

#: Side in pixels of a picture on a sheet.
TILE = 480


@dataclass(frozen=True)
class Asked:
    """What is to be done to each radiograph, and how: the same for all of a call.

    ``megapixels``: the largest that is read.
    """

    request: EditRequest
    seed: int
    tries: int
    mask: MaskFile | None = None
    megapixels: int = MEGAPIXELS

    def of(self, original: Original, size: int, digests: Mapping[str, str]) -> dict[str, Any]:
        """All that an edit's bytes depend on, for its record."""
        return {
            "source_sha256": original.sha256,
            "request": {
                "remove": list(self.request.remove),
                "add": [asdict(added) for added in self.request.add],
                "replace": self.request.replace,
                "everywhere": self.request.everywhere,
            },
            "seed": self.seed,
            "tries": self.tries,
            "size": size,
            "mask_sha256": self.mask.sha256 if self.mask else None,
            "weights": dict(sorted(digests.items())),
        }


@dataclass
class EditCounts:
    """``edited`` radiographs, ``unchanged`` ones in which nothing that was asked for came about, of both
    those ``earlier`` in an earlier call, and those ``refused``."""

    edited: int = 0
    unchanged: int = 0
    earlier: int = 0
    refused: int = 0

    @property
    def behind(self) -> int:
        """Radiographs that nothing is left to do for."""
        return self.edited + self.unchanged + self.refused


@dataclass(frozen=True)
class Listener:
    """Who is told how it goes: ``step`` how many radiographs are behind, those in work by the
    share of their steps that is made; ``refuse`` one line for each file that cannot be edited, ``note`` one
    for what else is to be known of a file."""

    step: Callable[[float], None] = lambda behind: None
    refuse: Callable[[str], None] = lambda line: None
    note: Callable[[str], None] = lambda line: None


def edit_files(
    images: Sequence[Path],
    target: EditedFolder,
    asked: Asked,
    retoucher: Retoucher,
    digests: Mapping[str, str],
    listener: Listener,
) -> EditCounts:
    """Edit each radiograph into the folder ``target``, where an earlier call stopped going on.

    ``digests``: SHA-256 of each file that ``retoucher`` was made of. A file that cannot be edited is told to
    ``listener`` and the others are edited; the only one is raised, as is what concerns all: DatasetError and
    OSError, one line each.
    """
    with target.store.lock():
        target.store.remove_strays()
        return _Editing(target, asked, retoucher, digests, listener, len(images) == 1).edit(images)


@dataclass
class _Editing:
    target: EditedFolder
    asked: Asked
    retoucher: Retoucher
    digests: Mapping[str, str]
    listener: Listener
    alone: bool
    summary: EditCounts = field(default_factory=EditCounts)

    def edit(self, images: Sequence[Path]) -> EditCounts:
        originals = (original for path in images if (original := self._read(path)) is not None)
        for some in together(originals, lambda original: original.pixels.size):
            self._edit_together(some)
            some.clear()  # they may be large, and nothing of them is needed while the next are read
        return self.summary

    def _edit_together(self, originals: Sequence[Original]) -> None:
        films = self._each(originals, self._look)
        films = [film for film in films if self._each([film], self._plan)]
        for made in self._each(films, self._retouch):
            self._count(self._write(made))
            self.listener.step(self.summary.behind)

    def _read(self, path: Path) -> Original | None:
        """A radiograph that is still to be edited."""
        try:
            original = read_film(path, self.asked.megapixels)
            done = self.target.is_done(stem_of(path), self._record(original))
        except (DatasetError, OSError) as error:
            self._refuse(path, error)
            return None
        for phrase in not_understood(original):
            self.listener.note(f"{path}: {phrase}")
        if done:
            self._count(self.target.is_unchanged(stem_of(path)))
            self.summary.earlier += 1
            self.listener.step(self.summary.behind)
        return None if done else original

    def _each(self, items: Sequence[Any], work: Callable[[Sequence[Any]], list[Any]]) -> list[Any]:
        """What ``work`` makes of originals or films, of those that it can; the others are refused."""
        out = []
        for item, made in zip(items, each(items, work), strict=True):
            if isinstance(made, DatasetError):
                self._refuse((item.original if isinstance(item, Film) else item).path, made)
            else:
                out.append(made)
        return out

    def _look(self, originals: Sequence[Original]) -> list[Film]:
        return self.retoucher.look(originals, [demographics(o) for o in originals])

    def _plan(self, films: Sequence[Film]) -> list[Film]:
        """The films, if an edit of each can be planned: found out before any is edited."""
        for film in films:
            plan(film, self.asked.request, self.retoucher.masker, self._seed(film), 0, self._mask())
        return list(films)

    def _retouch(self, films: Sequence[Film]) -> list[Retouched]:
        count, tick = len(films), itertools.count()
        asked = sum(step_count(is_afresh(attempt, self.asked.request)) for attempt in range(self.asked.tries))
        steps = asked * -(-count // self.retoucher.editor.batch_size)

        def watched() -> bool:
            self.listener.step(self.summary.behind + count * next(tick) / steps)
            return False

        requests, masks = [self.asked.request] * count, [self._mask()] * count
        seeds = [self._seed(film) for film in films]
        try:
            return self.retoucher.retouch(films, requests, seeds, masks, self.asked.tries, watched)
        except NotFiniteError as error:  # of which film is found out one by one
            raise DatasetError(f"{films[0].original.path}: not edited, {error}") from error

    def _mask(self) -> np.ndarray | None:
        return None if self.asked.mask is None else self.asked.mask.pixels

    def _seed(self, film: Film) -> int:
        """Of the file's content: the same radiograph is edited in the same way wherever it lies."""
        return derive_seed(self.asked.seed, film.original.sha256, "edit")

    def _record(self, original: Original) -> dict[str, Any]:
        """What an edit's record must say to be of this call."""
        return self.asked.of(original, self.retoucher.size, self.digests)

    def _count(self, unchanged: bool) -> None:
        self.summary.unchanged += unchanged
        self.summary.edited += not unchanged

    def _write(self, made: Retouched) -> bool:
        """Write an edit; whether it is unchanged."""
        film, request = made.film, self.asked.request
        original = film.original
        told = {
            "synthorax": version("synthorax"),
            "source": str(original.path),
            "done": str(request),
            "attempt": made.attempt,
            "probabilities": {
                "before": _rounded(film.opinion.probabilities),
                "after": _rounded(made.opinion.probabilities),
            },
            "shortfall": round(shortfall(made, request), 6),
            "unasked": list(unasked(made, request)),
        }
        done = str(request)
        # whoever draws a mask says that something is there, which the experts may not see
        unchanged = unmoved(made, request) if self.asked.mask is None else ""
        if unchanged:
            told |= {UNCHANGED: unchanged}
            done = f"tried: {request}; {unchanged}"
            self.listener.note(f"{original.path}: {request}: {unchanged}")
        edited = edited_radiograph(made, request)
        self.target.write(edited, stem_of(original.path), done, self._record(original), told)
        return bool(unchanged)

    def _refuse(self, path: Path, error: DatasetError | OSError) -> None:
        if self.alone:
            raise error
        line = str(error) if isinstance(error, DatasetError) else f"{path}: {error.strerror or error}"
        self.summary.refused += 1
        self.listener.refuse(" ".join(line.split()))


def edited_radiograph(made: Retouched, request: EditRequest) -> EditedRadiograph:
    """An edit as it is written: masks in the frame of the whole radiograph, and a sheet."""
    film, framed = made.film, made.film.framed

    def whole(lesions: Sequence[Lesion]) -> tuple[Lesion, ...]:
        return tuple(Lesion(m.finding, framed.restore_mask(m.mask)) for m in lesions)

    before, after = film.opinion.probabilities, made.opinion.probabilities
    sheet = edit_sheet(
        EditShown(
            film.original.path.name,
            str(request),
            seen_again(film, film.original.pixels, TILE),
            seen_again(film, made.pixels, TILE),
            made.edit.removed,
            made.edit.added,
            {name: (before[name], after[name]) for name in before if name in after},
            f"attempt {made.attempt + 1}",
        ),
        TILE,
    )
    mask = framed.restore_mask(made.edit.mask)
    return EditedRadiograph(
        film.original, made.pixels, mask, whole(made.edit.removed), whole(made.edit.added), sheet
    )


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in probabilities.items()}
