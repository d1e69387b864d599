"""Near-duplicates among accepted samples of different shards.

Within a shard the near-duplicate filter has judged already. A committed shard never changes, so
pairs across shards become a list that readers can leave out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters.verdicts import passes
from manifests.commits import Commit
from manifests.errors import DatasetError
from manifests.parts import read_part
from manifests.store import Store

#: Columns of ``near_duplicates.parquet``.
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("duplicate_of", pa.string(), nullable=False),
        pa.field("distance", pa.float64(), nullable=False),
    ]
)

#: Rows of one block of the distance matrix: 4096² float32 are 64 MB.
BLOCK = 4096

#: Room for float32 rounding in the block product; pairs inside it are measured again in float64.
_MARGIN = 1e-4


@dataclass(frozen=True)
class Embedded:
    """Accepted samples in the order of their keys: ``vectors`` (N, D) float32 of unit length."""

    keys: np.ndarray
    shards: np.ndarray
    vectors: np.ndarray
    thresholds: np.ndarray  # (N,) float64, the near-duplicate filter's cosine distance

    def __len__(self) -> int:
        return len(self.keys)


def near_duplicates(store: Store, commits: list[Commit]) -> pa.Table:
    """Pairs from different shards that are closer than the near-duplicate filter's threshold.

    ``key``, the later one, is the one to leave out; rows are in the order of ``key``, then of
    ``duplicate_of``. ``distance`` is the cosine distance, 0 (same) to 2.
    """
    samples = read_embedded(store, commits)
    rows = sorted(_pairs(samples))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def read_embedded(store: Store, commits: list[Commit]) -> Embedded:
    """Accepted samples that the near-duplicate filter has scored and that have an embedding."""
    keys: list[str] = []
    shards: list[int] = []
    thresholds: list[float] = []
    vectors: list[np.ndarray] = []
    for commit in commits:
        columns = [
            "key",
            "status",
            "near_duplicate_verdict",
            "near_duplicate_threshold",
            "embedding",
        ]
        table = read_part(store, commit, columns)
        known = [
            status == "accepted" and verdict in ("pass", "fail") and valid
            for status, verdict, valid in zip(
                table["status"].to_pylist(),
                table["near_duplicate_verdict"].to_pylist(),
                table["embedding"].is_valid().to_pylist(),
                strict=True,
            )
        ]
        table = table.filter(pa.array(known, pa.bool_()))
        if not table.num_rows:
            continue
        keys += table["key"].to_pylist()
        shards += [commit.shard] * table.num_rows
        thresholds += table["near_duplicate_threshold"].to_pylist()
        vectors.append(_unit(table["embedding"].combine_chunks(), commit))
    if len({v.shape[1] for v in vectors}) > 1:
        raise DatasetError(f"parts: embeddings of {sorted({v.shape[1] for v in vectors})} numbers")
    stacked = np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32)
    return Embedded(np.array(keys, dtype=object), np.array(shards), stacked, np.array(thresholds))


def _unit(lists: pa.ListArray, commit: Commit) -> np.ndarray:
    flat = lists.flatten().to_numpy()
    if len(flat) % len(lists) or set(lists.value_lengths().to_pylist()) != {len(flat) // len(lists)}:
        raise DatasetError(f"{commit.part}: embeddings of different lengths")
    vectors = flat.reshape(len(lists), -1)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)


def _pairs(samples: Embedded) -> Iterator[tuple[str, str, float]]:
    loosest = samples.thresholds.max(initial=0.0) + _MARGIN
    for start in range(0, len(samples), BLOCK):
        later = slice(start, start + BLOCK)
        for other in range(0, start + 1, BLOCK):
            earlier = slice(other, other + BLOCK)
            similarity = samples.vectors[later] @ samples.vectors[earlier].T
            rows, columns = np.nonzero(similarity > 1 - loosest)
            yield from _measured(samples, rows + start, columns + other)


def _measured(samples: Embedded, a: np.ndarray, b: np.ndarray) -> Iterator[tuple[str, str, float]]:
    """Of the pairs (a later, b earlier), those of different shards that the filter would refuse."""
    fits = (b < a) & (samples.shards[a] != samples.shards[b])
    for i, j in zip(a[fits], b[fits], strict=True):
        product = samples.vectors[i].astype(np.float64) * samples.vectors[j].astype(np.float64)
        # Rounded: the last bits depend on the order in which a machine adds.
        distance = round(max(0.0, 1.0 - float(product.sum())), 9)
        if not passes(distance, samples.thresholds[i], ">="):
            yield samples.keys[i], samples.keys[j], distance
