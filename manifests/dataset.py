"""A dataset opened for reading: its rows, and its samples decoded."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from manifests import layout
from manifests.audit import read_manifest
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.members import (
    ANATOMY_MASKS,
    IMAGE,
    LABELS,
    LESION_MASKS,
    decode_anatomy,
    decode_lesions,
    decode_png,
)
from manifests.seldom import read_seldom
from manifests.selection import Seldom
from manifests.store import Store
from manifests.tars import read_samples
from synth.errors import UserError
from synth.strict_json import parse_json


@dataclass(frozen=True)
class Sample:
    """One sample: ``image`` (H, W) uint8, brighter is denser; ``anatomy`` (5, H, W) and ``lesions``
    (13, H, W) bool, channels as ANATOMY and FINDING_NAMES; ``labels`` as ``KEY.json`` has them.
    """

    key: str
    image: np.ndarray = field(repr=False)
    anatomy: np.ndarray = field(repr=False)
    lesions: np.ndarray = field(repr=False)
    labels: dict[str, Any] = field(repr=False)


class Dataset:
    """A finished build, or one that is still going on: what is committed so far."""

    def __init__(self, store: Store) -> None:
        self.store = store
        #: ``build.json``: settings, their hash, digests of all weights.
        self.build = read_build(store)

    @property
    def seldom(self) -> Seldom:
        """Findings not to be trusted at this size, each with how many were judged and accepted
        (docs/dataset-format.md, "Seldom accepted")."""
        return read_seldom(self.store)

    def manifest(self) -> pd.DataFrame:
        """One row per candidate, accepted or not, in the order of their keys (docs/dataset-format.md)."""
        return read_manifest(self.store).to_pandas()

    def samples(
        self,
        status: Literal["accepted", "rejected"] = "accepted",
        keys: Container[str] | None = None,
    ) -> Iterator[Sample]:
        """The samples of one status, shard by shard, decoded: all, or those whose key is among ``keys``.

        Raises DatasetError for a broken tar.
        """
        path_of = layout.tar_path if status == "accepted" else layout.rejected_path
        for number, commit in read_commits(self.store).items():
            if (path := path_of(number)) in commit.files:
                for key, members in read_samples(self.store, path):
                    if keys is not None and key not in keys:
                        continue
                    yield _decoded(f"{path}/{key}", key, members)


def _decoded(path: str, key: str, members: dict[str, bytes]) -> Sample:
    if absent := sorted({IMAGE, ANATOMY_MASKS, LESION_MASKS, LABELS} - members.keys()):
        raise DatasetError(f"{path}.{absent[0]}: is missing, expected in every sample")
    try:
        return Sample(
            key,
            decode_png(members[IMAGE]),
            decode_anatomy(members[ANATOMY_MASKS]),
            decode_lesions(members[LESION_MASKS]),
            parse_json(members[LABELS]),
        )
    except UserError as error:
        raise DatasetError(f"{path}: {error}") from error


def open_dataset(url: str) -> Dataset:
    """The dataset in a folder or at an fsspec URL. Raises DatasetError where there is none."""
    return Dataset(Store(str(url)))
