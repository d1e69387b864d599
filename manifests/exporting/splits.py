"""Which split a sample is in: by body, stratified by finding, and the same after the dataset has grown.

A body is one patient as far as the data tell: both samples of a pair and all edits of one radiograph; else
each candidate is one. Bodies are dealt, in the order of their keys, in blocks: within each block of a
stratum (the rarest finding that is asked for) the shares are exact, and a hash says which place is whose.
All candidates are dealt, accepted or not, so that neither growth nor another verdict moves a sample.

A near-duplicate goes where the earlier sample is that it resembles. One that resembles samples of two splits
belongs nowhere, and is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import gcd
from typing import Any, Literal

from manifests import layout
from manifests.commits import Commit
from manifests.duplicates import near_duplicates
from manifests.exporting.settings import ExportSettings
from manifests.index import read_index
from manifests.parts import broken_parquet, open_parquet, read_part
from manifests.store import Store

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

#: Rarest first, by PadChest's 160,000 labels: fixed, so that no count of the build moves a sample.
RAREST = (
    "pneumothorax",
    "diffuse_nodule",
    "mass",
    "emphysema",
    "nodule",
    "fracture",
    "fibrosis",
    "pleural_thickening",
    "calcification",
    "effusion",
    "atelectasis",
    "cardiomegaly",
    "consolidation",
)


def plan_splits(
    store: Store,
    commits: Sequence[Commit],
    settings: ExportSettings,
    pairs: Iterable[tuple[str, str]] | None = None,
) -> dict[str, Split | None]:
    """Key to split of every candidate; None for one that resembles samples of two splits.

    ``pairs``: those of :func:`duplicate_pairs`, where they are known already.

    :raises DatasetError: for a part that cannot be read.
    """
    columns = ["key", "findings", "source_sha256"]
    rows = (row for commit in commits for row in read_part(store, commit, columns).to_pylist())
    splits: dict[str, Split | None] = dict(deal(rows, settings))
    _follow(splits, duplicate_pairs(store, commits) if pairs is None else pairs)
    return splits


def deal(rows: Iterable[Mapping[str, Any]], settings: ExportSettings) -> dict[str, Split]:
    """Key to split, by body and stratum alone; rows in the order of their keys."""
    slots = _slots(settings)
    splits: dict[str, Split] = {}
    bodies: dict[str, Split] = {}
    dealt: Counter[str] = Counter()
    for row in rows:
        body = row["source_sha256"] or row["key"]
        if body not in bodies:
            stratum = _stratum([f["name"] for f in row["findings"]])
            block, place = divmod(dealt[stratum], len(slots))
            bodies[body] = slots[_shuffled(len(slots), f"{stratum}/{block}")[place]]
            dealt[stratum] += 1
        splits[row["key"]] = bodies[body]
    return splits


def duplicate_pairs(store: Store, commits: Sequence[Commit]) -> list[tuple[str, str]]:
    """(later key, earlier key) of samples that resemble each other; listed where the build is finished."""
    index = read_index(store)
    listed = index and sum(s.candidates for s in index.shards) == sum(c.candidates for c in commits)
    if listed and index and store.info(layout.NEAR_DUPLICATES) == index.files[layout.NEAR_DUPLICATES]:
        with broken_parquet(layout.NEAR_DUPLICATES):
            pairs = open_parquet(store.read(layout.NEAR_DUPLICATES)).read(["key", "duplicate_of"])
    else:
        pairs = near_duplicates(store, list(commits))
    return list(zip(pairs["key"].to_pylist(), pairs["duplicate_of"].to_pylist(), strict=True))


def _follow(splits: dict[str, Split | None], pairs: Iterable[tuple[str, str]]) -> None:
    earlier: dict[str, list[str]] = defaultdict(list)
    for key, other in pairs:
        earlier[key].append(other)
    for key in sorted(earlier):
        there = {splits[other] for other in earlier[key] if splits.get(other) is not None}
        if there:
            splits[key] = there.pop() if len(there) == 1 else None


def _stratum(findings: Sequence[str]) -> str:
    return next((name for name in RAREST if name in findings), "none")


def _slots(settings: ExportSettings) -> list[Split]:
    """The places of one block, as few as hold the shares exactly."""
    shares = {"train": 100 - settings.val - settings.test, "val": settings.val, "test": settings.test}
    unit = gcd(*shares.values())
    return [split for split in SPLITS for _ in range(shares[split] // unit)]


def _shuffled(length: int, name: str) -> list[int]:
    return sorted(range(length), key=lambda place: sha256(f"{name}/{place}".encode()).digest())
