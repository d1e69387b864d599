"""A build that samples are read from, and the chosen samples of its shards: rows, and where they lie."""

import os
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from manifests.exporting.film import LabelledFilm
from manifests.exporting.reading import check_members, labelled
from manifests.exporting.settings import ExportSettings
from manifests.exporting.splits import Split
from manifests.exporting.trust import Trust
from manifests.identity import build_hash, read_build
from manifests.layout import tar_path
from manifests.store import Store
from manifests.tars import parse_sample


class SourceBuild:
    """A build that samples are read from: ``hash`` says which, ``number`` is its place among several.

    ``store`` is opened anew in each process: connections of remote ones do not outlive a fork.
    """

    def __init__(self, url: str, number: int) -> None:
        self.url, self.number = url, number
        self.hash = build_hash(read_build(self.store))

    @property
    def store(self) -> Store:
        """Its files."""
        pid, store = self.__dict__.get("_opened", (None, None))
        if pid != os.getpid():
            store = Store(self.url)
            self._opened = (os.getpid(), store)
        return store

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}


@dataclass(frozen=True)
class ChosenShard:
    """The chosen samples of one shard, in the order of their keys.

    ``rows``: of each its row and the trust in its instances, pickled: one block of memory, which processes
    share as long as nobody writes to it. ``spans`` (N, 2) int64: first byte and end of each in the tar.
    """

    build: SourceBuild
    number: int
    keys: tuple[str, ...] = field(repr=False)
    splits: tuple[Split, ...] = field(repr=False)
    rows: pa.LargeBinaryArray = field(repr=False)
    spans: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def row(self, position: int) -> tuple[dict[str, Any], list[Trust]]:
        """The manifest's row of one sample, as far as it is kept, and the trust in each of its instances."""
        return pickle.loads(self.rows[position].as_py())

    def film(self, position: int, settings: ExportSettings) -> LabelledFilm:
        """One sample, read from the tar.

        :raises DatasetError: where the tar is not what it was, or a mask is none.
        """
        row, trusts = self.row(position)
        start, end = self.spans[position].tolist()
        path = tar_path(self.number)
        tar = f"{self.build.url}/{path}"
        members = parse_sample(self.build.store.read_span(path, start, end), row["key"], tar)
        check_members(f"{tar}/{row['key']}", members)
        return labelled(row, trusts, members, self.splits[position], settings)
