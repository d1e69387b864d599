import math

from hypothesis import given
from hypothesis import strategies as st

from filters.verdicts import Score, decide, passes, rounded, skipped, verdict

keeps = st.sampled_from([">=", "<="])
finite = st.floats(-3, 3)


@given(st.lists(st.sampled_from(["pass", "fail", "skipped"]), max_size=8))
def test_any_fail_rejects_and_nothing_else_does(outcomes):
    made = {
        "pass": verdict("f", Score(1.0, "r"), 0.5, ">="),
        "fail": verdict("f", Score(0.0, "r"), 0.5, ">="),
        "skipped": skipped("f", 0.5, ">=", "disabled"),
    }
    decision = decide([made[o] for o in outcomes])
    assert (decision.status == "rejected") == ("fail" in outcomes)
    assert len(decision.reasons) == outcomes.count("fail")


@given(finite, finite, keeps)
def test_outcome_is_what_passes_says(score, threshold, keep):
    given_verdict = verdict("f", Score(score, "why"), threshold, keep)
    assert (given_verdict.outcome == "pass") == passes(score, threshold, keep)
    assert (given_verdict.reason == "why") == (given_verdict.outcome == "fail")


@given(finite, finite, finite, keeps)
def test_a_better_score_never_turns_a_pass_into_a_fail(a, b, threshold, keep):
    worse, better = sorted((a, b), reverse=keep == "<=")
    assert not passes(worse, threshold, keep) or passes(better, threshold, keep)


@given(st.sampled_from([math.nan, math.inf, -math.inf]), finite, keeps)
def test_a_score_that_is_not_finite_fails_and_fails_again_in_every_replay(score, threshold, keep):
    given_verdict = verdict("f", Score(score, "odd"), threshold, keep)
    assert given_verdict.outcome == "fail"
    assert str(score) in given_verdict.reason
    assert given_verdict.score is not None
    assert not passes(given_verdict.score, threshold, keep)


def test_sub_scores_are_json_able():
    assert rounded(0.123456) == 0.1235
    assert rounded(math.nan) is None
