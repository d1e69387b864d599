"""Draws sides, zones and severities as often as they are measured to occur."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np

from synth.cases import FindingRequest
from synth.findings import FINDINGS, Severity, Side, Zone
from synth.masks.place_frequencies import PLACES, SAME_SIDE, SEVERITIES, ZONE_UNSAID

T = TypeVar("T")

NOWHERE: Final[Mapping[str, Side]] = MappingProxyType({})


def draw_requests(
    names: Sequence[str], rng: np.random.Generator, held: Mapping[str, Side] = NOWHERE
) -> tuple[FindingRequest, ...]:
    """One request per finding, in the order of ``names``, with measured places and severities.

    A zone is left out as often as reports do so. The findings of one patient do not choose their sides
    independently: given the one-sided ones drawn before, a finding's right and left are weighted by how
    often each pair shares a side. Findings that are ``held`` to a side, alone or with the other, are drawn
    first.
    """
    drawn: dict[str, Side] = {}
    out: dict[str, FindingRequest] = {}
    for name in sorted(names, key=lambda n: n not in held):
        side, zone = _draw_place(name, drawn, rng, held.get(name))
        if side in ("right", "left"):
            drawn[name] = side
        if zone is not None and rng.random() < ZONE_UNSAID:
            zone = None
        severity: Severity | None = _draw(SEVERITIES[name], rng)
        out[name] = FindingRequest(name, side if FINDINGS[name].lateral else None, zone, severity)
    return tuple(out[name] for name in names)


def same_side(a: str, b: str) -> float:
    """Share of images with two one-sided findings that has both on one side (one added to each
    count, so that a pair never seen is even).
    """
    same, opposite = SAME_SIDE.get((a, b)) or SAME_SIDE.get((b, a)) or (0, 0)
    return (same + 1) / (same + opposite + 2)


def _draw_place(
    name: str, drawn: dict[str, Side], rng: np.random.Generator, held: Side | None
) -> tuple[Side | None, Zone | None]:
    counts: dict[tuple[Side | None, Zone | None], float] = {
        place: n for place, n in PLACES[name].items() if held is None or place[0] in (held, "bilateral")
    }
    weight = {"right": 1.0, "left": 1.0}
    for other, other_side in drawn.items():
        share = same_side(name, other)
        for side in weight:
            weight[side] *= share if side == other_side else 1 - share
    one_sided = {place: n for place, n in counts.items() if place[0] in weight}
    weighted = {place: n * weight[str(place[0])] for place, n in one_sided.items()}
    # how often it is bilateral does not change: only right against left does
    scale = sum(one_sided.values()) / (sum(weighted.values()) or 1.0)
    return _draw(counts | {place: n * scale for place, n in weighted.items()}, rng)


def _draw(counts: "dict[T, int] | dict[T, float]", rng: np.random.Generator) -> T:
    keys = list(counts)
    cumulative = np.cumsum([counts[key] for key in keys], dtype=float)
    at = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
    return keys[min(int(at), len(keys) - 1)]
