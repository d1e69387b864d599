"""What a build tells of itself, gathered once for all parts: no network looks at it, nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rich.console import Console

from flows.config.identity import stored_hash
from flows.evaluation.scorecard.pictures import Pictures, look
from manifests import layout
from manifests.audit import read_manifest
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.index import Index, read_index
from manifests.measured import build_identity
from manifests.problems import Problem
from manifests.schema import Column, filter_columns
from manifests.store import Store
from manifests.verify import verify
from synth.terminal import shown

#: Columns of the manifest that figures are made of; earlier versions lack some.
_COLUMNS = (
    "shard",
    "status",
    "reasons",
    "error",
    "prompt",
    "unparsed",
    "findings",
    "complete",
    "age",
    "sex",
    "view",
    "edit",
    "image_sha256",
)


@dataclass(frozen=True)
class Material:
    """A finished build. ``rows``: of every candidate, those columns that figures are made of; ``accepted`` of
    them; ``filters`` that judged; ``pictures``: what was seen in samples; ``problems``: what ``verify``
    found, None where it was not asked. ``identity`` as of :func:`manifests.measured.build_identity`.
    """

    name: str
    build: Mapping[str, Any]
    identity: Mapping[str, Any]
    index: Index
    rows: Sequence[Mapping[str, Any]]
    filters: Mapping[str, Column]
    pictures: Pictures
    problems: Sequence[Problem] | None

    @property
    def accepted(self) -> list[Mapping[str, Any]]:
        """Rows of accepted candidates."""
        return [row for row in self.rows if row["status"] == "accepted"]

    @property
    def config(self) -> Mapping[str, Any]:
        """The build's settings, as they were when it began."""
        return self.build.get("config") or {}

    @property
    def edited(self) -> bool:
        """Whether its images are radiographs of real persons, as they were and edited."""
        return bool(self.config.get("edit"))


def gather(store: Store, most: int, verifying: bool, console: Console) -> Material:
    """Read a finished build; ``most`` accepted samples are opened, ``verifying`` reads every byte.

    :raises DatasetError: where there is no build, it is not finished, or nothing in it is accepted.
    """
    build, identity = read_build(store), build_identity(store)
    index = read_index(store)
    place = shown(store.url)
    if index is None:
        raise DatasetError(
            f"{place}: {layout.INDEX} is missing, {identity['candidates']} candidates are committed: "
            "expected a finished build, `synthorax build` goes on with it"
        )
    if index.counts.candidates != identity["candidates"]:
        raise DatasetError(
            f"{place}: {layout.INDEX} lists {index.counts.candidates} of {identity['candidates']} "
            "candidates, expected all: the same build run again finishes it"
        )
    if not index.counts.accepted:
        raise DatasetError(
            f"{place}: none of its {index.counts.candidates} candidates is accepted, expected samples to "
            "score; `synthorax audit` says why"
        )
    table = read_manifest(store)
    rows = table.select([name for name in _COLUMNS if name in table.column_names]).to_pylist()
    return Material(
        PurePosixPath(store.root).name,
        build,
        identity,
        index,
        rows,
        filter_columns(table.schema),
        look(store, build, index, most, console),
        _verified(store, build, console) if verifying else None,
    )


def _verified(store: Store, build: Mapping[str, Any], console: Console) -> list[Problem]:
    with console.status("verifying"):
        found = verify(store)
    if build["config_hash"] != stored_hash(dict(build)):
        found = [Problem(layout.BUILD, "its config is not the one of config_hash"), *found]
    return [problem for problem in found if not problem.note]
