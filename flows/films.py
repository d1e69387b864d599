"""One way to run over films: read, checked, each file once; together, or one by one where that fails."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from manifests.errors import DatasetError
from manifests.films.bounds import MEGAPIXELS
from manifests.films.files import read_original
from manifests.films.originals import Original
from manifests.films.views import check_frontal
from synth.errors import Interrupted, users_mistake

#: Films that are in memory at once; the experts' own batch.
BATCH = 8
#: And their pixels: those of as many usual films. One that is larger is in memory alone.
PIXELS = BATCH * 16 * 10**6

T = TypeVar("T")
R = TypeVar("R")


def read_film(path: Path, megapixels: int = MEGAPIXELS) -> Original:
    """A frontal radiograph, by its header if it has one, of at most ``megapixels`` million pixels.

    DatasetError, one line that names the path.
    """
    try:
        original = read_original(path, megapixels)
    except OSError as error:
        raise DatasetError(users_mistake(error) or f"{path}: cannot be read") from error
    check_frontal(original)
    return original


def together(films: Iterable[T], size: Callable[[T], int], most: int = PIXELS) -> Iterator[list[T]]:
    """Films in their order, BATCH at a time, fewer where they come to more than ``most`` pixels by ``size``.

    The next is asked for when those before it were dealt with, but for the one that was too many.
    """
    batch: list[T] = []
    total = 0
    for film in films:
        if batch and (len(batch) == BATCH or total + size(film) > most):
            yield batch
            batch, total = [], 0
        batch.append(film)
        total += size(film)
        del film
    if batch:
        yield batch


class OnceEach:
    """Refuses a file whose content was seen under another name."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def check(self, path: Path, name: str, sha256: str) -> None:
        """Raises DatasetError that names the first file with the same content, by what it was called."""
        if (first := self._first.setdefault(sha256, name)) != name:
            raise DatasetError(f"{path}: the same file as {first}, expected each radiograph once")


def each(
    items: Sequence[T],
    work: Callable[[Sequence[T]], Sequence[R]],
    catch: type[Exception] = DatasetError,
    alone: Callable[[T], R] | None = None,
) -> list[R | Exception]:
    """``work`` on all items at once, or on one at a time where that raises ``catch``.

    Where an item raises alone too, the error stands in its result's place; Interrupted passes through.
    ``alone`` is how one is worked on, ``work`` itself unless told.
    """
    if not items:
        return []
    if len(items) > 1 or alone is not None:
        try:
            return list(work(items))
        except Interrupted:
            raise
        except catch:
            pass  # of which of them? each alone says
    results: list[R | Exception] = []
    for item in items:
        try:
            results.append(alone(item) if alone is not None else work([item])[0])
        except Interrupted:
            raise
        except catch as error:
            results.append(error)
    return results
