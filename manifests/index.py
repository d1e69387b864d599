"""``index.json``: what a finished dataset holds, for readers that want no Parquet."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from manifests import layout
from manifests.canonical import to_json
from manifests.commits import Commit
from manifests.errors import DatasetError
from manifests.schema import SCHEMA_VERSION
from manifests.store import FileInfo, Store
from synth.findings import FINDING_NAMES


@dataclass(frozen=True)
class Counts:
    """Sums over all rows.

    ``findings`` maps a finding to how many candidates asked for it, were accepted, and how many
    lesions the accepted ones show; ``normal`` the same for cases without a finding.
    ``first_reasons`` maps a filter to how many candidates it was the first to reject. ``pairs``: of edited
    radiographs, how many pairs were asked for and of how many both samples are accepted.
    """

    candidates: int
    accepted: int
    rejected: int
    failed: int
    findings: dict[str, dict[str, int]]
    normal: dict[str, int]
    first_reasons: dict[str, int]
    sizes: list[list[int]]
    pairs: dict[str, int] = field(default_factory=lambda: {"asked": 0, "accepted": 0})


@dataclass(frozen=True)
class Index:
    """A finished dataset: shards in order, files that finalising added, and their digests."""

    schema_version: int
    build_hash: str
    counts: Counts
    near_duplicates: int
    shards: list[dict[str, Any]]
    files: dict[str, FileInfo]

    def to_json(self) -> bytes:
        """The index as it is written."""
        return to_json(asdict(self))


def read_index(store: Store) -> Index | None:
    """The index, ``None`` before the dataset is finalised.

    :raises DatasetError: when the file is no index.
    """
    if not store.exists(layout.INDEX):
        return None
    try:
        fields = json.loads(store.read(layout.INDEX))
        fields["counts"] = Counts(**fields["counts"])
        fields["files"] = {p: FileInfo(**f) for p, f in fields["files"].items()}
        return Index(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{layout.INDEX}: not an index: {error}") from error


def count_rows(tables: Iterable[pa.Table]) -> Counts:
    """Sums over the manifest's rows."""
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    sizes: set[tuple[int, int]] = set()
    findings = {n: {"asked": 0, "accepted": 0, "lesions": 0} for n in FINDING_NAMES}
    normal = {"asked": 0, "accepted": 0}
    pairs: Counter[str] = Counter()
    columns = ["status", "reasons", "findings", "instances", "width", "height", "pair"]
    for table in tables:
        for row in table.select(columns).to_pylist():
            statuses[row["status"]] += 1
            reasons.update(row["reasons"][:1])
            _count_findings(row, findings, normal)
            if row["width"] is not None:
                sizes.add((row["width"], row["height"]))
            if row["pair"] is not None:
                pairs[row["pair"]] += row["status"] == "accepted"
    return Counts(
        candidates=statuses.total(),
        accepted=statuses["accepted"],
        rejected=statuses["rejected"],
        failed=statuses["failed"],
        findings=findings,
        normal=normal,
        first_reasons=dict(sorted(reasons.items())),
        sizes=sorted(list(s) for s in sizes),
        pairs={"asked": len(pairs), "accepted": sum(accepted == 2 for accepted in pairs.values())},
    )


def _count_findings(
    row: Mapping[str, Any], findings: dict[str, dict[str, int]], normal: dict[str, int]
) -> None:
    accepted = row["status"] == "accepted"
    asked = {f["name"] for f in row["findings"]}
    for counts in [findings[name] for name in asked] or [normal]:
        counts["asked"] += 1
        counts["accepted"] += accepted
    for lesion in (row["instances"] or []) if accepted else []:
        findings[lesion["finding"]]["lesions"] += 1


def make_index(
    commits: Sequence[Commit], counts: Counts, near_duplicates: int, files: dict[str, FileInfo]
) -> Index:
    """The index of committed shards."""
    hashes = {c.build_hash for c in commits}
    if len(hashes) != 1:
        raise DatasetError(f"commits: of {len(hashes)} builds, expected one")
    shards = [
        {
            "shard": c.shard,
            "first_key": c.first_key,
            "last_key": c.last_key,
            "candidates": c.candidates,
            "accepted": c.accepted,
            "rejected": c.rejected,
            "failed": c.failed,
            "files": {path: asdict(f) for path, f in c.files.items()},
        }
        for c in commits
    ]
    return Index(SCHEMA_VERSION, hashes.pop(), counts, near_duplicates, shards, files)
