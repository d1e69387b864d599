"""How far the label of one lesion can be trusted: what the experts saw of it, and whether its kind can be
seen.

The filter ``lesion_agreement`` keeps, for each lesion that an expert has a map for, how much brighter that
map is inside the mask than elsewhere. Scattered findings are judged together, so all of theirs share one
number.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filters.lesion_agreement import FILTER, SCATTERED
from manifests.errors import DatasetError
from synth.errors import UserError
from synth.strict_json import parse_json

UNSEEN = "the experts do not see it"
UNJUDGED = "no expert can tell it"
TOO_SMALL = "too small to be drawn"

#: Calcifications narrower than this, in pixels, are labelled but mostly not drawn (docs/limits.md).
LEAST_CALCIFICATION = 8


@dataclass(frozen=True)
class Trust:
    """``localisation``: the experts' map inside the lesion minus elsewhere, -1 to 1, None where nobody
    looked. ``doubt``: why the label should not be learned from, "" where it may be."""

    localisation: float | None
    doubt: str = ""


def lesion_trusts(row: Mapping[str, Any], needed: bool = True) -> list[Trust]:
    """One for each of the instances of a manifest's row, in their order; ``needed``: somebody has to know.

    :raises DatasetError: when the filter was not asked though it is needed, or speaks of other lesions than
        the row's.
    """
    name = FILTER.name
    findings = [i["finding"] for i in row["instances"]]
    if needed and findings and row.get(f"{name}_verdict") is None:
        raise DatasetError(
            f"{name} of {row['key']}: nobody was asked which lesions are seen, expected a build with this "
            "filter; --labels all takes every lesion"
        )
    values = _localisations(row, findings)
    least = row.get(f"{name}_threshold") or 0.0
    return [
        Trust(value, _doubt(instance, value, least))
        for instance, value in zip(row["instances"], values, strict=True)
    ]


def _doubt(instance: Mapping[str, Any], localisation: float | None, least: float) -> str:
    if instance["finding"] == "calcification" and min(instance["bbox"][2:]) < LEAST_CALCIFICATION:
        return TOO_SMALL
    if localisation is None:
        return UNJUDGED
    return UNSEEN if localisation < least else ""


def _localisations(row: Mapping[str, Any], findings: Sequence[str]) -> list[float | None]:
    """The number of each lesion; the filter lists a finding's lesions in the order of the row's."""
    listed = _listed(row)
    for finding, numbers in listed.items():
        expected = 1 if finding in SCATTERED else findings.count(finding)
        if len(numbers) != expected:
            raise DatasetError(
                f"{FILTER.name}_detail of {row['key']}: {len(numbers)} of {finding}, expected {expected}"
            )
    waiting = {finding: iter(numbers) for finding, numbers in listed.items()}
    shared = {finding: numbers[0] for finding, numbers in listed.items() if finding in SCATTERED}
    return [shared[f] if f in shared else next(waiting[f]) if f in waiting else None for f in findings]


def _listed(row: Mapping[str, Any]) -> dict[str, list[float]]:
    """Finding to the localisation of each lesion in the filter's detail; what is no number is never seen."""
    where = f"{FILTER.name}_detail of {row['key']}"
    try:
        detail = parse_json((row.get(f"{FILTER.name}_detail") or "{}").encode())
    except UserError as error:
        raise DatasetError(f"{where}: {error}") from None
    lesions = detail.get("lesions", []) if isinstance(detail, dict) else None
    if not isinstance(lesions, list) or not all(isinstance(x, dict) and "finding" in x for x in lesions):
        raise DatasetError(f"{where}: expected an object with a list of lesions")
    found: dict[str, list[float]] = defaultdict(list)
    for lesion in lesions:
        value = lesion.get("localisation")
        found[str(lesion["finding"])].append(float(value) if isinstance(value, int | float) else -1.0)
    return dict(found)
