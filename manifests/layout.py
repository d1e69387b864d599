"""Where everything lies, relative to the dataset's folder."""

import re

BUILD = "build.json"
INDEX = "index.json"
MANIFEST = "manifest.parquet"
NEAR_DUPLICATES = "near_duplicates.parquet"
COCO = "coco.json"
CARD = "README.md"
CROISSANT = "croissant.json"

#: What finalising adds; the index comes last and holds the digests of the others.
FINAL = (MANIFEST, NEAR_DUPLICATES, COCO, CARD, CROISSANT)
#: Of these what an index of an earlier schema version has not, by the version that brought it.
FINAL_SINCE = {CROISSANT: 4}

SHARDS, REJECTED, PARTS, COMMITS = "shards", "rejected", "parts", "commits"
#: What readers made for themselves: no part of the dataset, made again from the tars where it is lost.
OFFSETS = "offsets"


def tar_path(shard: int) -> str:
    """The tar of a shard's accepted samples."""
    return f"{SHARDS}/{shard:06d}.tar"


def rejected_path(shard: int) -> str:
    """The tar of a shard's rejected samples."""
    return f"{REJECTED}/{shard:06d}.tar"


def part_path(shard: int) -> str:
    """The Parquet part with a row per candidate of a shard."""
    return f"{PARTS}/{shard:06d}.parquet"


def offsets_path(shard: int) -> str:
    """Where each sample lies in the tar of a shard's accepted samples (:mod:`manifests.loaders.offsets`)."""
    return f"{OFFSETS}/{shard:06d}.json"


def commit_path(shard: int) -> str:
    """The record that says a shard is done."""
    return f"{COMMITS}/{shard:06d}.json"


_SHARD_FILE = re.compile(
    r"(?:(?:shards|rejected)/N\.tar|parts/N\.parquet|(?:commits|offsets)/N\.json)".replace("N", "[0-9]{6,9}")
)


def is_own(path: str) -> bool:
    """Whether a path is one of a dataset's own."""
    return path in (BUILD, INDEX, *FINAL) or _SHARD_FILE.fullmatch(path) is not None


def shard_of(path: str) -> int | None:
    """Which shard a path of :func:`commit_path` is of; None for any other path."""
    number = path.removeprefix(f"{COMMITS}/").removesuffix(".json")
    if not re.fullmatch("[0-9]{6,9}", number) or commit_path(int(number)) != path:
        return None
    return int(number)
