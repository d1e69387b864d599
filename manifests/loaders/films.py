"""The chosen films of one build or several, by their place."""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from manifests.canonical import digest
from manifests.errors import DatasetError
from manifests.exporting.film import LabelledFilm
from manifests.loaders.choice import Choice
from manifests.loaders.choosing import chosen_shards
from manifests.loaders.shards import ChosenShard, SourceBuild
from manifests.seldom import read_seldom
from manifests.selection import Acceptance

#: A build's path or URL, or several.
Builds = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

#: Keys have nine digits.
_IDS_PER_BUILD = 10**9


class SampleName(NamedTuple):
    """What a sample is called: ``key`` is unique in its build, which ``build`` names by its hash, wherever it
    lies. ``image_id`` is unique among the builds of one loader: the key, plus 10**9 for each build before."""

    build: str
    key: str
    image_id: int


class Films:
    """Build after build in the order given, each in the order of its keys; places are 0 to ``len`` - 1.

    :raises DatasetError: for no build, one that is given twice, and where no sample fits.
    """

    def __init__(self, builds: Builds, choice: Choice) -> None:
        urls = [builds] if isinstance(builds, str | os.PathLike) else list(builds)
        if not urls:
            raise DatasetError("builds: none, expected at least one path or URL")
        sources = [SourceBuild(os.fspath(url), number) for number, url in enumerate(urls)]
        for source in sources:
            if same := [s.url for s in sources[: source.number] if s.hash == source.hash]:
                raise DatasetError(f"builds: {source.url} and {same[0]} are the same build, expected it once")
        self.settings = choice.settings
        self._sources = sources
        self._shards = [shard for source in sources for shard in chosen_shards(source, choice)]
        #: (tars,) int: how many samples each tar gives.
        self.sizes = np.array([len(shard) for shard in self._shards], np.int64)
        self._ends = np.cumsum(self.sizes)
        if not self._shards:
            wanted = str(choice) or "the labels that are wanted"
            raise DatasetError(f"{', '.join(s.url for s in sources)}: no sample fits {wanted}")

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, place: int) -> LabelledFilm:
        """One film, read from where it lies; raises DatasetError where that is no longer what it was."""
        shard, position = self._find(place)
        return shard.film(position, self.settings)

    def row(self, place: int) -> dict[str, Any]:
        """The manifest's row of one film: what was asked for, who is shown, instances."""
        shard, position = self._find(place)
        return shard.row(position)[0]

    def name(self, place: int) -> SampleName:
        """What one film is called."""
        shard, position = self._find(place)
        key = shard.keys[position]
        return SampleName(shard.build.hash, key, shard.build.number * _IDS_PER_BUILD + int(key))

    @cached_property
    def seldom(self) -> dict[str, dict[str, Acceptance]]:
        """Findings that a build seldom accepted: by finding and the build's hash, with what counts."""
        found: dict[str, dict[str, Acceptance]] = {}
        for source in self._sources:
            for name, acceptance in read_seldom(source.store).items():
                found.setdefault(name, {})[source.hash] = acceptance
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex of which films these are, in their order."""
        return digest([[shard.build.hash, shard.keys] for shard in self._shards])

    def _find(self, place: int) -> tuple[ChosenShard, int]:
        """The shard of a place, counted from the end where it is negative, and the position in it."""
        if not -len(self) <= place < len(self):
            raise IndexError(f"sample {place} of {len(self)}")
        place %= len(self)
        number = int(np.searchsorted(self._ends, place, side="right"))
        return self._shards[number], place - int(self._ends[number] - self.sizes[number])
