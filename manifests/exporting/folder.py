"""The folder that an export writes: begun, gone on with, finished; never mixed with anything else.

``.export/begun.json`` stands first and says what is exported and how. ``.export/NNNNNN.jsonl`` stands once
all files of a shard do: a head (:class:`Head`), then a note of each film. ``export.json`` stands last and
means that the folder is whole.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

from manifests.canonical import to_json
from manifests.errors import DatasetError
from manifests.exporting.format import NewFile, Note
from manifests.locks import LOCK_FILE
from manifests.parsing import LARGEST, STRICT, Count, Digest, Size, parse_record, read_record
from manifests.store import Store, is_stray

NOTES, BEGUN, DONE = ".export", ".export/begun.json", "export.json"

_NOTES_FILE = re.compile(rf"{re.escape(NOTES)}/([0-9]{{6,9}})\.jsonl")
_BEGUN = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Head:
    """The first line of a shard's notes: ``digest`` of all that its files were made from, their sizes in
    bytes by path, and ``counts`` of what became of samples and lesions."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    digest: Digest
    files: Annotated[dict[str, Size], Field(max_length=10**7)]
    counts: dict[str, dict[str, Count]]


_HEAD = TypeAdapter(Head)


class ExportFolder:
    """Writes one export; hold the store's lock. Every method raises DatasetError as the store does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._sizes: dict[str, int] = {}

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Write down what is exported and how, or check that the folder was begun in the same way.

        :raises DatasetError: naming the first setting that differs, or what lies in the folder that is no
            export's.
        """
        if not self.store.exists(BEGUN):
            if strangers := self.store.strangers(_is_beginning):
                raise DatasetError(
                    f"output: {self.store.url} holds {strangers[0]!r} but no {BEGUN}, expected an empty "
                    "folder or one that an export was begun in"
                )
            self.store.publish(BEGUN, to_json(settings))
        found = read_record(_BEGUN, self.store, BEGUN, "an export's beginning")
        for name in sorted(settings.keys() | found.keys()):
            if found.get(name) != settings.get(name):
                raise DatasetError(
                    f"output: {self.store.url} holds another export: {name} was {found.get(name)!r}, is "
                    f"{settings.get(name)!r}; choose another folder or go back to these settings"
                )
        self.store.remove_strays()
        self._sizes = self.store.sizes()

    def keep(self, shards: Collection[int]) -> None:
        """Take back what belongs to other shards: the build has them no more."""
        for path in self._paths():
            if int(_NOTES_FILE.fullmatch(path)[1]) not in shards:  # type: ignore[index]
                self.store.remove(DONE)
                head = self._head(path)
                self.store.remove(path)
                for name in sorted(head.files):
                    self.store.remove(name)

    def has(self, shard: int, digest: str) -> bool:
        """Whether a shard's files are all there and were made from what ``digest`` stands for."""
        path = _notes_path(shard)
        if path not in self._sizes:
            return False
        head = self._head(path)
        return head.digest == digest and all(self._sizes.get(p) == size for p, size in head.files.items())

    def write(self, shard: int, digest: str, make: Callable[["Shard"], Iterator[Note]]) -> None:
        """Publish a shard's files, its notes last; what an earlier version of it had besides is deleted."""
        self.store.remove(DONE)
        path = _notes_path(shard)
        earlier = self._head(path).files if path in self._sizes else {}
        self.store.remove(path)
        new = Shard(self.store)
        notes = [json.dumps(note, ensure_ascii=False) for note in make(new)]
        for name in sorted(earlier.keys() - new.files.keys()):
            self.store.remove(name)
        self.store.settle()  # the notes vouch for files that are on the disk
        head = json.dumps(asdict(Head(digest, new.files, new.counts)), ensure_ascii=False)
        self.store.publish(path, "".join(f"{line}\n" for line in (head, *notes)).encode())

    def heads(self) -> Iterator[Head]:
        """Of all shards that stand, in order."""
        for path in self._paths():
            yield self._head(path)

    def notes(self) -> Iterator[Note]:
        """Of all films, in the order of their keys; a shard's are in memory at a time."""
        for path in self._paths():
            for line in self.store.read(path).splitlines()[1:]:
                yield json.loads(line)

    def finish(self, files: Iterable[NewFile], about: Mapping[str, Any]) -> None:
        """Publish the files of the whole folder, then what it is ``about``."""
        self.store.remove(DONE)
        made = {}
        for path, pieces in files:
            with self.store.writer(path) as sink:
                for piece in pieces:
                    sink.write(piece)
            made[path] = asdict(sink.info)
        self.store.publish(DONE, to_json({**about, "files": made}))

    def _paths(self) -> list[str]:
        return [path for path in self.store.list(NOTES) if _NOTES_FILE.fullmatch(path)]

    def _head(self, path: str) -> Head:
        with self.store.open(path) as stream:
            line = stream.readline(LARGEST)
        return parse_record(_HEAD, line, path, "the notes of a shard")


class Shard:
    """The files of one shard as they are written; ``counts`` goes into its head."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.files: dict[str, int] = {}
        self.counts: dict[str, dict[str, int]] = {}

    def put(self, path: str, data: bytes) -> None:
        """Write one file whole. No name stands for two."""
        if path in self.files or path.split("/")[0] in (NOTES, DONE, LOCK_FILE):
            raise ValueError(f"{path}: stands for another file already")
        self._store.publish(path, data, lasting=False)
        self.files[path] = len(data)


def _notes_path(shard: int) -> str:
    return f"{NOTES}/{shard:06d}.jsonl"


def _is_beginning(name: str) -> bool:
    """Whether an export that was killed before it published anything left something of that name."""
    return name in (LOCK_FILE, NOTES) or is_stray(name)
