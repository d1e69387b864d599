"""How often candidates were drawn: those that filters refuse may be drawn again with other noise."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from filters.verdicts import passes
from manifests.schema import Column, filter_columns

#: Of each draw, the first first, how many filters judged, and accepted.
Draws = list[dict[str, int]]

#: Columns that tell of draws, since schema version 5.
DRAWN: Final = ("draw", "earlier")


def redraws_of(build: Mapping[str, Any]) -> int:
    """How often a ``build.json`` has a refused candidate drawn again."""
    images = (build.get("config") or {}).get("images")
    redraws = images.get("retry_draws") if isinstance(images, dict) else 0
    return redraws if isinstance(redraws, int) else 0


def add_draws(draws: Draws, row: Mapping[str, Any]) -> None:
    """Count a row of which ``status`` and DRAWN are there; a draw that broke was not judged."""
    judged = [refusal["draw"] for refusal in row["earlier"]]
    judged += [row["draw"]] if row["status"] != "failed" else []
    while len(draws) <= max(judged, default=-1):
        draws.append({"judged": 0, "accepted": 0})
    for draw in judged:
        draws[draw]["judged"] += 1
    if row["status"] == "accepted":
        draws[row["draw"]]["accepted"] += 1


def draws_of(table: pa.Table) -> Draws:
    """How many candidates were judged, and accepted, at each draw; none of a schema version before 5."""
    draws: Draws = []
    if "draw" in table.column_names:
        for row in table.select(["status", *DRAWN]).to_pylist():
            add_draws(draws, row)
    return draws


def in_words(draws: Draws, redraws: int) -> str:
    """What drawing again, up to so often, did: acceptance of draws beside that of candidates."""
    judged, accepted = (sum(counts[name] for counts in draws) for name in ("judged", "accepted"))
    candidates = draws[0]["judged"] if draws else 0
    if not candidates:
        return f"up to {redraws + 1} draws a candidate, none was judged"
    return (
        f"up to {redraws + 1} draws a candidate, {judged / candidates:.2f} on average: "
        f"{accepted / judged:.0%} of {judged:,} draws and {accepted / candidates:.0%} of {candidates:,} "
        "candidates are accepted"
    )


def earlier_decisions(
    table: pa.Table, thresholds: Mapping[str, float], disabled: Collection[str]
) -> dict[int, tuple[str, int]]:
    """By row, status and draw of the earliest draw before its last one that other thresholds would accept, or
    else that is undecided; rows of which all are rejected are left out.

    ``disabled``: filters that the build did without.
    """
    if "earlier" not in table.column_names:
        return {}
    filters = filter_columns(table.schema)
    out: dict[int, tuple[str, int]] = {}
    for i, refusals in enumerate(table["earlier"].to_pylist()):
        found = [(_decided(r["scores"], thresholds, filters, disabled), r["draw"]) for r in refusals]
        for wanted in ("accepted", "undecided"):
            if kept := [decision for decision in found if decision[0] == wanted]:
                out[i] = kept[0]
                break
    return out


def _decided(
    scores: Sequence[Mapping[str, Any]],
    thresholds: Mapping[str, float],
    filters: Mapping[str, Column],
    disabled: Collection[str],
) -> str:
    """What other thresholds make of one draw, undecided where a filter was not asked."""
    unknown = False
    for score in scores:
        name = score["filter"]
        if score["verdict"] == "skipped":
            unknown |= name not in disabled
        elif not passes(score["score"], thresholds.get(name, score["threshold"]), filters[name].keep):
            return "rejected"
    return "undecided" if unknown else "accepted"
