"""What a format is: a folder that another tool opens, made shard by shard from a build."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from manifests.exporting.film import LabelledFilm
from manifests.exporting.settings import ExportSettings
from manifests.seldom import warning
from manifests.selection import Seldom

#: A build may be of pairs, whose radiographs are real or were.
_CONTENT: Final = "Chest radiographs drawn or edited by generative models: see the build's card"

#: What closing needs to know of one film, in JSON's types.
Note: TypeAlias = dict[str, Any]
#: A path in the folder and the file's bytes in pieces.
NewFile: TypeAlias = tuple[str, Iterable[bytes]]


def content(seldom: Seldom) -> str:
    """What every format says of its images, and of findings that are ``seldom`` accepted."""
    return f"{_CONTENT}; {warning(seldom)}" if seldom else _CONTENT


class Put(Protocol):
    """Writes a file whole, under a path in the export's folder."""

    def __call__(self, path: str, data: bytes) -> None: ...


@dataclass(frozen=True)
class Batch:
    """The films of one shard of a build, to be iterated once, and how they are to be written."""

    build_hash: str
    shard: int
    films: Iterable[LabelledFilm]
    settings: ExportSettings


def _says_nothing(notes: Iterable[Note]) -> list[str]:
    return []


@dataclass(frozen=True)
class Format:
    """One format.

    ``films`` writes a shard's files and yields a note of each film; ``closing`` makes the files of the
    whole folder from all notes, which it may iterate as often as it needs, and from what the folder is, in
    words: :func:`content`. ``masks`` and ``channels`` are
    the choices that it gives, the first is the usual one. ``ignores``: whether it has a place for what is
    to be ignored. ``losses`` says, in lines, what the format could not hold exactly.
    """

    name: str
    films: Callable[[Batch, Put], Iterator[Note]]
    closing: Callable[[Iterable[Note], ExportSettings, str], Iterator[NewFile]]
    masks: tuple[str, ...] = ()
    channels: tuple[int, ...] = (1,)
    ignores: bool = False
    losses: Callable[[Iterable[Note]], list[str]] = _says_nothing
