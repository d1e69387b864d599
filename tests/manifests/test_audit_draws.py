"""What other thresholds make of candidates that were drawn again."""

from dataclasses import replace

import numpy as np
from drawn_records import REDRAWS, draw_record, drawn_again
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.registry import FILTERS
from filters.verdicts import Verdict, decide
from manifests.audit import replay, waterfall
from manifests.draws import in_words
from manifests.records import Record, Refusal, records_table
from synth.cases import Candidate


def redrawn(seed, n, p_fail):
    return [drawn_again(draw_record(i, seed=seed, p_fail=p_fail), p_fail=p_fail) for i in range(n)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), p_fail=st.floats(0, 0.5))
def test_the_original_thresholds_reproduce_every_decision(seed, p_fail):
    table = records_table(0, redrawn(seed, 15, p_fail))
    judged = {n for n in FILTERS if {"pass", "fail"} & set(table[f"{n}_verdict"].to_pylist())}
    result = replay(table, dict.fromkeys(judged, 0.5), REDRAWS)
    # What a filter of a refused draw never said would be unknown: the drawn ones skip at random.
    for status, before in zip(result.statuses, table["status"].to_pylist(), strict=True):
        assert status in (before, "undecided")
    assert result.accepted == waterfall(table).accepted
    assert sum(result.draws) == result.accepted
    draws = [
        d
        for d, s in zip(table["draw"].to_pylist(), table["status"].to_pylist(), strict=True)
        if s == "accepted"
    ]
    assert list(result.draws) == np.bincount(draws).tolist()


def said(name, score, outcome=None, why=""):
    outcome = outcome or ("pass" if score >= 0.5 else "fail")
    detail = {"why": why} if why else {}
    return Verdict(name, outcome, score, 0.5, ">=", detail=detail)


def record(index, *draws, fails=False):
    """The record of draws by their verdicts; ``fails``: one that breaks follows."""
    drawn = next(r for i in range(50) if (r := draw_record(index, seed=i)).candidate)
    earlier = tuple(Refusal(i, v) for i, v in enumerate(draws if fails else draws[:-1]))
    case = replace(drawn.case, draw=len(earlier))
    if fails:
        return Record(case, "failed", error="image: out of luck", earlier=earlier)
    decision = decide(draws[-1])
    candidate = Candidate(case, drawn.candidate.masks, drawn.candidate.image)
    return Record(case, decision.status, candidate, draws[-1], decision.reasons, earlier=earlier)


def test_another_threshold_accepts_the_earliest_draw_that_passes():
    draws = [(said("integrity", score),) for score in (0.3, 0.45, 0.4)]
    failing = [(said("integrity", 0.9), said("training_copy", 0.1))]
    table = records_table(
        0,
        [
            record(0, *draws),  # rejected at its last
            record(1, draws[0], (said("integrity", 0.8),)),
            record(2, (said("integrity", 0.8),)),
            record(3, draws[1], fails=True),
            record(4, *failing * 3),
        ],
    )
    assert list(replay(table, {}, 2).statuses) == ["rejected", "accepted", "accepted", "failed", "rejected"]
    looser = replay(table, {"integrity": 0.42}, 2)
    assert list(looser.statuses) == ["accepted", "accepted", "accepted", "accepted", "rejected"]
    assert (looser.draws, looser.failed) == ((2, 2), 0)
    assert looser.gained == ("000000000", "000000003")
    assert replay(table, {"integrity": 0.2}, 2).draws == (4,)
    stricter = replay(table, {"integrity": 0.85}, 2)  # two had draws left, of which nobody knows
    assert list(stricter.statuses) == ["rejected", "undecided", "undecided", "failed", "rejected"]
    assert (stricter.lost, stricter.undecided) == ((), ("000000001", "000000002"))
    assert list(replay(table, {"integrity": 0.85}).statuses)[1:3] == ["rejected", "rejected"]
    both = replay(table, {"integrity": 0.85, "training_copy": 0.05}, 2)
    assert (both.statuses[4], both.draws) == ("accepted", (1,))


def test_what_an_earlier_draw_was_not_asked_about_stays_undecided_unless_another_passes():
    skipped = said("training_copy", None, "skipped", "rejected before")
    off = said("near_duplicate", None, "skipped", "disabled")
    no, weak, yes = (said("integrity", score) for score in (0.1, 0.4, 0.9))
    table = records_table(
        0,
        [
            record(0, (weak, skipped, off), (no, skipped, off)),
            record(1, (weak, skipped, off), (yes, said("training_copy", 0.9), off)),
            record(2, (weak, said("training_copy", 0.9), off), (no, skipped, off)),
        ],
    )
    result = replay(table, {"integrity": 0.3}, 1)
    assert list(result.statuses) == ["undecided", "accepted", "accepted"]
    assert result.draws == (1, 1)


def test_no_draw_that_was_judged_is_said_so():
    assert in_words([], 2) == "up to 3 draws a candidate, none was judged"
    judged = [{"judged": 10, "accepted": 6}, {"judged": 4, "accepted": 1}]
    assert in_words(judged, 1) == (
        "up to 2 draws a candidate, 1.40 on average: 50% of 14 draws and 70% of 10 candidates are accepted"
    )
