"""``index.json``: what a finished dataset holds, for readers that want no Parquet."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import ConfigDict, TypeAdapter

from manifests import layout
from manifests.canonical import to_json
from manifests.commits import Commit, CommittedFile, check_files
from manifests.draws import DRAWN, Draws, add_draws
from manifests.errors import DatasetError
from manifests.parsing import LARGEST_INDEX, STRICT, Count, Digest, Key, read_record
from manifests.schema import SCHEMA_VERSION
from manifests.selection import COLUMNS, Seldom, add_row, no_shares, seldom_accepted
from manifests.store import FileInfo, Store
from synth.findings import FINDING_NAMES
from synth.strict_json import parse_json


@dataclass(frozen=True)
class Counts:
    """Sums over all rows.

    ``findings`` maps a finding to how many candidates asked for it, were accepted, and how many
    lesions the accepted ones show; ``normal`` the same for cases that are said to have none, ``incomplete``
    for those whose text says more than was understood, whatever they ask for. ``shares`` are those of
    :mod:`manifests.selection`, empty where rows are of a version that had no ``complete``. ``undecided`` maps
    a finding to how many candidates asked for it of experts that do not speak of it or could not tell it on
    real films, so that no filter decided by it; nothing of experts that do not say so.
    ``first_reasons`` maps a filter to how many candidates it was the first to reject. ``pairs``: of edited
    radiographs, how many pairs were asked for and of how many both samples are accepted. ``draws``: of each
    draw, the first first, how many were judged, and accepted; empty where rows know of one alone.
    ``seldom``: findings that are seldom accepted (:mod:`manifests.seldom`); None where an earlier version
    wrote the index, which does not say.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    candidates: Count
    accepted: Count
    rejected: Count
    failed: Count
    findings: dict[str, dict[str, Count]]
    normal: dict[str, Count]
    first_reasons: dict[str, Count]
    sizes: list[list[Count]]
    pairs: dict[str, Count] = field(default_factory=lambda: {"asked": 0, "accepted": 0})
    incomplete: dict[str, Count] = field(default_factory=lambda: {"asked": 0, "accepted": 0})
    shares: dict[str, dict[str, dict[str, Count]]] = field(default_factory=no_shares)
    undecided: dict[str, Count] = field(default_factory=dict)
    draws: list[dict[str, Count]] = field(default_factory=list)
    seldom: Seldom | None = None


@dataclass(frozen=True)
class ListedShard:
    """A committed shard as the index lists it; fields as of :class:`manifests.commits.Commit`."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    shard: Count
    first_key: Key
    last_key: Key
    candidates: Count
    accepted: Count
    rejected: Count
    failed: Count
    files: dict[str, CommittedFile]

    @classmethod
    def of(cls, commit: Commit) -> "ListedShard":
        """As a commit has it."""
        return cls(
            commit.shard,
            commit.first_key,
            commit.last_key,
            commit.candidates,
            commit.accepted,
            commit.rejected,
            commit.failed,
            dict(commit.files),
        )


@dataclass(frozen=True)
class Index:
    """A finished dataset: shards in order, files that finalising added, and their digests."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    schema_version: int
    build_hash: Digest
    counts: Counts
    near_duplicates: Count
    shards: list[ListedShard]
    files: dict[str, FileInfo]

    def to_json(self) -> bytes:
        """The index as it is written."""
        return to_json(asdict(self))


_INDEX = TypeAdapter(Index)

#: What the experts were heard to say of findings.
_HEARD = "finding_agreement_detail"

#: What finalising adds lies beside the index, exports of later versions too.
_FINAL_NAME = re.compile(r"[A-Za-z0-9_]+\.[a-z]+")


def read_index(store: Store) -> Index | None:
    """The index, ``None`` before the dataset is finalised.

    :raises DatasetError: when the file is no index.
    """
    if not store.exists(layout.INDEX):
        return None
    index = read_record(_INDEX, store, layout.INDEX, "an index", LARGEST_INDEX)
    for listed in index.shards:
        check_files(listed.shard, listed.files, layout.INDEX)
    final = [n for n in layout.FINAL if layout.FINAL_SINCE.get(n, 0) <= index.schema_version]
    for name in sorted(index.files.keys() | set(final)):
        if name not in index.files or not _FINAL_NAME.fullmatch(name) or name in (layout.BUILD, layout.INDEX):
            raise DatasetError(
                f"{layout.INDEX}: not an index: files lack {name[:80]!r}, or may not name it; expected "
                f"{', '.join(final)}, and exports beside them"
            )
    return index


def count_rows(tables: Iterable[pa.Table]) -> Counts:
    """Sums over the manifest's rows."""
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    sizes: set[tuple[int, int]] = set()
    findings = {n: {"asked": 0, "accepted": 0, "lesions": 0} for n in FINDING_NAMES}
    normal, incomplete = ({"asked": 0, "accepted": 0} for _ in range(2))
    pairs: Counter[str] = Counter()
    shares = no_shares()
    undecided: Counter[str] = Counter()
    draws: Draws = []
    columns = ["status", "reasons", "instances", "width", "height", "pair", _HEARD, *COLUMNS, *DRAWN]
    for table in tables:
        there = [name for name in columns if name in table.column_names]  # earlier versions lack some
        for row in table.select(there).to_pylist():
            statuses[row["status"]] += 1
            reasons.update(row["reasons"][:1])
            _count_findings(row, findings, normal, incomplete)
            if "complete" in row:
                add_row(shares, row)
            if "draw" in row:
                add_draws(draws, row)
            if row["width"] is not None:
                sizes.add((row["width"], row["height"]))
            undecided.update(_undecided(row))
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
        incomplete=incomplete,
        shares=shares,
        undecided=dict(sorted(undecided.items())),
        draws=draws,
        seldom=seldom_accepted(shares),
    )


def _undecided(row: Mapping[str, Any]) -> set[str]:
    """Findings that a row asks for and no expert decided by, where its experts say what they doubt."""
    detail = parse_json((row.get(_HEARD) or "{}").encode())
    if not isinstance(detail, dict) or not isinstance(prompted := detail.get("prompted"), list):
        return set()
    if "doubted" not in detail:
        return set()
    return {f["name"] for f in row["findings"]} - set(map(str, prompted))


def _count_findings(
    row: Mapping[str, Any],
    findings: dict[str, dict[str, int]],
    normal: dict[str, int],
    incomplete: dict[str, int],
) -> None:
    accepted = row["status"] == "accepted"
    asked = {f["name"] for f in row["findings"]}
    groups = [findings[name] for name in asked]
    if not row.get("complete", True):
        groups.append(incomplete)
    for counts in groups or [normal]:
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
    shards = [ListedShard.of(c) for c in commits]
    return Index(SCHEMA_VERSION, hashes.pop(), counts, near_duplicates, shards, files)
