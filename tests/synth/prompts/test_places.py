"""Drawn sides, zones and severities follow what was measured."""

from collections import Counter

import numpy as np
import pytest

from synth.findings import FINDING_NAMES, FINDINGS, Side, Zone
from synth.masks.place_frequencies import PLACES, SEVERITIES, ZONE_UNSAID
from synth.prompts.places import draw_requests, same_side

N = 4000


@pytest.mark.parametrize("name", FINDING_NAMES)
def test_a_single_finding_follows_its_table(name: str) -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_requests([name], rng)[0] for _ in range(N)]
    places, severities = Counter((r.side, r.zone) for r in drawn), Counter(r.severity for r in drawn)
    said: Counter[tuple[Side | None, Zone | None]] = Counter()
    for (side, zone), count in PLACES[name].items():
        said[side, zone] += count * (1 if zone is None else 1 - ZONE_UNSAID)
        said[side, None] += count * (0 if zone is None else ZONE_UNSAID)
    for counts, table in ((places, said), (severities, SEVERITIES[name])):
        total = sum(table.values())
        for value, count in table.items():
            p = count / total
            assert abs(counts[value] / N - p) <= 4.5 * np.sqrt(p * (1 - p) / N) + 1e-9, value
        assert set(counts) <= set(table)


def test_two_findings_share_a_side_as_often_as_measured() -> None:
    rng = np.random.default_rng(1)
    same = opposite = 0
    for _ in range(N):
        a, b = draw_requests(["consolidation", "effusion"], rng)
        if {a.side, b.side} <= {"right", "left"}:
            same += a.side == b.side
            opposite += a.side != b.side
    assert same / (same + opposite) == pytest.approx(same_side("consolidation", "effusion"), abs=0.05)
    assert same_side("effusion", "consolidation") == same_side("consolidation", "effusion") > 0.8
    assert same_side("cardiomegaly", "effusion") == 0.5  # nothing is known of a pair


def test_what_has_no_side_gets_none() -> None:
    rng = np.random.default_rng(2)
    for name in (n for n in FINDING_NAMES if not FINDINGS[n].lateral):
        assert {r.side for _ in range(50) for r in draw_requests([name], rng)} == {None}
