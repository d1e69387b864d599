"""Questions to the manifest alone: why samples were rejected, how scores lie, what if.

Needs no model, no image and no GPU: each row holds every filter's score, threshold and keep side.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from manifests import layout
from manifests.draws import earlier_decisions
from manifests.errors import DatasetError
from manifests.index import read_index
from manifests.parts import read_merged, read_rows
from manifests.rows import STATUSES
from manifests.schema import filter_columns
from manifests.selection import COLUMNS, Shares, add_row, asked_of, no_shares
from manifests.store import Store


def read_manifest(store: Store) -> pa.Table:
    """All rows committed so far: the merged manifest when the index vouches for it, else the parts.

    :raises DatasetError: when nothing is committed, or the manifest was changed since.
    """
    index = read_index(store)
    if index is None:
        table = read_rows(store)
    else:
        data, info = store.read(layout.MANIFEST), index.files[layout.MANIFEST]
        if (len(data), sha256(data).hexdigest()) != (info.bytes, info.sha256):
            raise DatasetError(f"{layout.MANIFEST}: was changed, it is not the one of the index")
        table = read_merged(data, index.counts.candidates)
    if not table.num_rows:
        raise DatasetError(f"{store.url}: no shard is committed, expected at least one")
    return table


@dataclass(frozen=True)
class Waterfall:
    """Where candidates went. ``filters``: a row per filter (index: its name, in judging order).

    Columns: ``judged``, ``skipped``, ``failing`` (it said no), ``first`` (it was the first to say
    no), ``alone`` (no other said no), ``left`` (candidates still standing after it).
    """

    candidates: int
    accepted: int
    rejected: int
    failed: int
    filters: pd.DataFrame


def waterfall(table: pa.Table) -> Waterfall:
    """How many candidates each filter turned away, first and at all."""
    counts = {s: pc.sum(pc.equal(table["status"], s)).as_py() or 0 for s in STATUSES}
    reasons = table["reasons"].to_pylist()
    rows = []
    left = counts["accepted"] + counts["rejected"]
    for name in filter_columns(table.schema):
        verdicts = _verdicts(table, name)
        first = sum(r[0] == name for r in reasons if r)
        left -= first
        rows.append(
            {
                "filter": name,
                "judged": int(np.isin(verdicts, ("pass", "fail")).sum()),
                "skipped": int((verdicts == "skipped").sum()),
                "failing": int((verdicts == "fail").sum()),
                "first": first,
                "alone": sum(r == [name] for r in reasons),
                "left": left,
            }
        )
    return Waterfall(table.num_rows, **counts, filters=pd.DataFrame(rows).set_index("filter"))


def shares_of(table: pa.Table) -> Shares:
    """How many candidates were judged, and accepted, by what was asked for."""
    shares = no_shares()
    there = [name for name in ("status", *COLUMNS) if name in table.column_names]
    for row in table.select(there).to_pylist():
        add_row(shares, row)
    return shares


@dataclass(frozen=True)
class Histogram:
    """A filter's scores: ``edges`` (B + 1,), and counts (B,) of those that pass and fail it.

    ``thresholds`` are all that the rows were judged by (one, in one build). ``not_finite`` counts
    scores that are no number: they fail and are in no bin.
    """

    edges: np.ndarray
    passing: np.ndarray
    failing: np.ndarray
    thresholds: tuple[float, ...]
    keep: str
    not_finite: int


def histograms(table: pa.Table, bins: int = 20) -> dict[str, Histogram]:
    """One histogram per filter that scored anything, its edges from lowest to highest score."""
    out = {}
    for name in filter_columns(table.schema):
        verdicts, scores = _verdicts(table, name), _numbers(table, f"{name}_score")
        judged = np.isin(verdicts, ("pass", "fail"))
        if not judged.any():
            continue
        finite = judged & np.isfinite(scores)
        low, high = (scores[finite].min(), scores[finite].max()) if finite.any() else (0.0, 1.0)
        edges = np.histogram_bin_edges(scores[finite], bins, (low, high))
        passing, failing = (
            np.histogram(scores[finite & (verdicts == outcome)], edges)[0] for outcome in ("pass", "fail")
        )
        thresholds = np.unique(_numbers(table, f"{name}_threshold")[judged])
        keep = str(_strings(table, f"{name}_keep")[judged][0])
        lost = int((judged & ~np.isfinite(scores)).sum())
        out[name] = Histogram(edges, passing, failing, tuple(thresholds.tolist()), keep, lost)
    return out


@dataclass(frozen=True)
class Replay:
    """What other thresholds would have decided.

    ``gained`` are keys that would be accepted and were not, ``lost`` those that would be rejected and were.
    ``undecided`` are keys of which only a new build can tell: no filter would reject them but some never
    judged them (cheap-first mode), or no draw that was made would pass and not all were made. ``findings``: a
    row per finding asked for (``no_finding``: none; ``unknown``: the text says more than was understood),
    columns ``before``, ``after`` (accepted) and ``undecided``. ``draws``: how many would be accepted at each
    draw, the first first.
    """

    accepted: int
    rejected: int
    failed: int
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    undecided: tuple[str, ...]
    findings: pd.DataFrame
    statuses: np.ndarray  # (N,) str: accepted, rejected, failed or undecided, in row order
    draws: tuple[int, ...] = ()


def replay(table: pa.Table, thresholds: Mapping[str, float], redraws: int = 0) -> Replay:
    """Decide all candidates again, from the rows alone, with other thresholds for some filters.

    Of a build that drew refused candidates again, up to ``redraws`` times, one is accepted at the earliest of
    its draws that passes. Scores stay as they are: those against near-duplicates are of the draws that the
    shard held then, and with other thresholds it would have held others.

    :raises DatasetError: for a filter that is unknown or judged nothing, or a NaN threshold.
    """
    before = _strings(table, "status")
    broken = before == "failed"
    fails = np.zeros(table.num_rows, dtype=bool)
    unknown = np.zeros(table.num_rows, dtype=bool)
    for name in filter_columns(table.schema):
        fails |= _fails(table, name, thresholds.get(name))
        unknown |= _never_judged(table, name, before)
    _check_thresholds(table, thresholds)
    after = np.select([broken, fails, unknown], ["failed", "rejected", "undecided"], default="accepted")
    at = _strings(table, "draw").astype(int) if "draw" in table.column_names else np.zeros(len(after), int)
    after[(after == "rejected") & (at < redraws)] = "undecided"
    disabled = {name for name in filter_columns(table.schema) if _is_disabled(table, name)}
    for i, (status, draw) in earlier_decisions(table, thresholds, disabled).items():
        if status == "accepted" or after[i] != "accepted":
            after[i], at[i] = status, draw
    keys = _strings(table, "key")
    return Replay(
        accepted=int((after == "accepted").sum()),
        rejected=int((after == "rejected").sum()),
        failed=int((after == "failed").sum()),
        gained=tuple(keys[(before != "accepted") & (after == "accepted")]),
        lost=tuple(keys[(before == "accepted") & (after == "rejected")]),
        undecided=tuple(keys[after == "undecided"]),
        findings=_per_finding(table, before, after),
        statuses=after,
        draws=tuple(np.bincount(at[after == "accepted"]).tolist()),
    )


def _is_disabled(table: pa.Table, name: str) -> bool:
    """Whether the build did without a filter, as any row that was judged says."""
    skipped = pc.equal(table[f"{name}_verdict"], "skipped")
    details = table[f"{name}_detail"].filter(skipped)
    return any(_why(detail) == "disabled" for detail in details.to_pylist()[:1])


def _check_thresholds(table: pa.Table, thresholds: Mapping[str, float]) -> None:
    known = filter_columns(table.schema)
    for name, value in thresholds.items():
        if name not in known:
            raise DatasetError(f"filters.{name}: unknown, expected one of {', '.join(known)}")
        if np.isnan(value):
            raise DatasetError(f"filters.{name}.threshold: {value}, expected a number")
        if not np.isin(_verdicts(table, name), ("pass", "fail")).any():
            raise DatasetError(f"filters.{name}: judged nothing in this build, expected scores")


def _fails(table: pa.Table, name: str, threshold: float | None) -> np.ndarray:
    """(N,) bool: whom the filter rejects, at its recorded threshold or another."""
    verdicts = _verdicts(table, name)
    if threshold is None:
        return verdicts == "fail"
    scores = _numbers(table, f"{name}_score")
    at_least = _strings(table, f"{name}_keep") == ">="
    passing = np.where(at_least, scores >= threshold, scores <= threshold)  # NaN never passes
    return np.isin(verdicts, ("pass", "fail")) & ~passing


def _never_judged(table: pa.Table, name: str, before: np.ndarray) -> np.ndarray:
    """(N,) bool: rejected rows that the filter was not asked about, though it was enabled."""
    skipped = (_verdicts(table, name) == "skipped") & (before == "rejected")
    details = table[f"{name}_detail"]
    for i in np.flatnonzero(skipped):
        skipped[i] = _why(details[int(i)].as_py()) != "disabled"
    return skipped


def _why(detail: str | None) -> str | None:
    """Why a filter was skipped, as its detail says."""
    try:
        told = json.loads(detail or "{}")
    except (ValueError, RecursionError):
        return None
    return told.get("why") if isinstance(told, dict) else None


def _per_finding(table: pa.Table, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    there = [name for name in ("findings", "complete") if name in table.column_names]
    asked = [asked_of(row) for row in table.select(there).to_pylist()]
    frame = pd.DataFrame(
        {
            "finding": asked,
            "before": before == "accepted",
            "after": after == "accepted",
            "undecided": after == "undecided",
        }
    )
    return frame.explode("finding").groupby("finding")[["before", "after", "undecided"]].sum()


def _verdicts(table: pa.Table, name: str) -> np.ndarray:
    return _strings(table, f"{name}_verdict")


def _strings(table: pa.Table, column: str) -> np.ndarray:
    """(N,) objects; None where null."""
    return np.array(table[column].to_pylist(), dtype=object)


def _numbers(table: pa.Table, column: str) -> np.ndarray:
    """(N,) float64; NaN where null, which only the verdict tells from a score that is NaN."""
    return np.array([np.nan if v is None else v for v in table[column].to_pylist()], dtype=float)
