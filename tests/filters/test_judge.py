import json
import threading
from dataclasses import replace

import filter_cases as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import FILTER_NAMES, FILTERS
from filters.experts.embedded import EmbeddedAnatomy
from filters.judge import Judge
from filters.settings import FilterChoice, JudgeSettings
from filters.verdicts import decide, passes
from synth.cases import Candidate, Lesion

SPOT = Lesion("nodule", make.disc(0.45, 0.28, 0.08, 0.08))
#: Thresholds that random networks pass and fail about equally often, where that is not 0 to 1.
BOUNDS = {
    "integrity": (0.3, 0.9),
    "anatomy_agreement": (0.0, 0.6),
    "finding_agreement": (0.2, 0.6),
    "lesion_agreement": (-0.1, 0.1),
    "near_duplicate": (0.0, 1.2),
}


def judge(mode="all", **choices):
    return Judge(JudgeSettings(mode, choices), make.panel())


def thresholds(draws):
    return {n: FilterChoice(threshold=t) for n, t in zip(FILTER_NAMES, draws, strict=True)}


def candidates(seeds):
    """Some ask for a nodule, some seeds make a blank image, one that is no image at all."""
    made = []
    for i, seed in enumerate(seeds):
        base = make.candidate(seed, "nodule", lesions=(SPOT,)) if seed % 2 else make.candidate(seed)
        image = np.zeros_like(base.image) if seed % 5 == 0 else base.image
        image = image.astype(np.float32) if seed % 7 == 0 else image
        made.append(Candidate(make.case(str(i)), base.masks, image))
    return made


shards = st.lists(st.integers(1, 30), min_size=1, max_size=7)
drawn_thresholds = st.tuples(*(st.floats(*BOUNDS.get(n, (0.0, 1.0))) for n in FILTER_NAMES)).map(thresholds)


@given(shards, drawn_thresholds)
@settings(max_examples=15, deadline=None)
def test_both_modes_accept_the_same_and_every_filter_has_its_word(seeds, choices):
    shown = candidates(seeds)
    full = judge("all", **choices).for_shard().judge(shown)
    quick = judge("cheap_first", **choices).for_shard().judge(shown)
    for a, b in zip(full, quick, strict=True):
        assert decide(a.verdicts).status == decide(b.verdicts).status
        assert tuple(v.filter for v in a.verdicts) == FILTER_NAMES
        assert tuple(v.filter for v in b.verdicts) == FILTER_NAMES
        assert all(v.outcome != "skipped" for v in a.verdicts)
        assert sum(v.outcome == "fail" for v in b.verdicts) <= 1
        assert np.array_equal(a.embedding, b.embedding)
        for x, y in zip(a.verdicts, b.verdicts, strict=True):
            assert y.outcome == "skipped" or repr(x.score) == repr(y.score)


@given(shards, drawn_thresholds, drawn_thresholds)
@settings(max_examples=10, deadline=None)
def test_other_thresholds_can_be_replayed_from_the_scores(seeds, first, second):
    shown = candidates(seeds)
    judged = judge(**first).for_shard().judge(shown)
    really = judge(**second).for_shard().judge(shown)
    for a, b in zip(judged, really, strict=True):
        for x, y in zip(a.verdicts, b.verdicts, strict=True):
            assert (x.outcome == "pass") == passes(x.score, x.threshold, x.keep)
            assert passes(x.score, y.threshold, y.keep) == (y.outcome == "pass")


@given(shards, st.integers(1, 7))
@settings(max_examples=10, deadline=None)
def test_how_a_shard_is_cut_into_calls_does_not_matter(seeds, cut):
    shown = candidates(seeds)
    whole = judge().for_shard().judge(shown)
    shard = judge().for_shard()
    parts = [j for i in range(0, len(shown), cut) for j in shard.judge(shown[i : i + cut])]
    assert repr([j.verdicts for j in parts]) == repr([j.verdicts for j in whole])


def test_a_repeat_is_caught_within_a_shard_and_not_across():
    shown = [make.candidate(1), make.candidate(2), make.candidate(1)]
    tight = {"near_duplicate": FilterChoice(threshold=1e-4)}
    shared = judge(**tight)
    shard = shared.for_shard()
    row = FILTER_NAMES.index("near_duplicate")
    outcomes = [j.verdicts[row].outcome for j in shard.judge(shown)]
    assert outcomes == ["pass", "pass", "fail"]
    assert [j.verdicts[row].outcome for j in shared.for_shard().judge(shown[:2])] == ["pass"] * 2
    assert shard.judge(shown[:1])[0].verdicts[row].detail == {"nearest": "1"}


def test_what_is_drawn_again_is_not_held_against_itself_but_against_all_others():
    shard = judge(near_duplicate=FilterChoice(threshold=1e-4)).for_shard()
    row = FILTER_NAMES.index("near_duplicate")
    first = [make.candidate(seed) for seed in (1, 2, 3)]
    shard.judge(first)
    shard.forget(["1", "3"])
    again = [replace(c, case=replace(c.case, draw=1)) for c in (first[0], first[2])]  # the same pixels
    assert [j.verdicts[row].outcome for j in shard.judge(again)] == ["pass", "pass"]
    shard.forget(["3"])
    for copied in (0, 1):  # an earlier and a later one, of which the last draws are remembered
        other = replace(again[1], image=first[copied].image)
        assert shard.judge([other])[0].verdicts[row].detail == {"nearest": str(copied + 1)}
        shard.forget(["3"])


def test_a_call_that_raised_can_be_made_again():
    class Tripping(EmbeddedAnatomy):
        """Fails the first time that it is asked, as a device out of memory does."""

        tripped = False

        def look(self, images):
            if not self.tripped:
                self.tripped = True
                raise RuntimeError("out of memory")
            return super().look(images)

    sound, expert = make.panel(), make.anatomy_expert()
    tripping = Tripping(expert.network, expert.resolution, expert.structures, batch_size=4)
    panel = replace(sound, experts={**sound.experts, "anatomy_agreement": tripping})
    shown = [make.candidate(1), make.candidate(2)]
    shard = Judge(JudgeSettings(), panel).for_shard()
    with pytest.raises(RuntimeError, match="out of memory"):
        shard.judge(shown)
    again = [shard.judge([c])[0].verdicts for c in shown]
    assert repr(again) == repr([j.verdicts for j in judge().for_shard().judge(shown)])


@pytest.mark.parametrize("mode", ["all", "cheap_first"])
def test_what_no_expert_can_be_shown_is_rejected_even_with_integrity_off(mode):
    broken = np.full((make.SIZE, make.SIZE), np.nan, np.float32)
    shown = [make.candidate(1), Candidate(make.case("1"), make.masks(), broken)]
    for choices in ({}, {"integrity": FilterChoice(enabled=False)}):
        good, bad = judge(mode, **choices).for_shard().judge(shown)
        assert decide(bad.verdicts).status == "rejected"
        assert bad.embedding is None
        assert good.embedding is not None
        assert any("not readable" in v.reason or "NaN" in v.reason for v in bad.verdicts)


def test_a_disabled_filter_is_skipped_and_rejects_nothing():
    off = {n: FilterChoice(enabled=False) for n in FILTER_NAMES}
    (judgement,) = judge(**off).for_shard().judge([make.candidate(0)])
    assert [v.outcome for v in judgement.verdicts] == ["skipped"] * len(FILTER_NAMES)
    assert all(v.detail == {"why": "disabled"} for v in judgement.verdicts)
    assert decide(judgement.verdicts).status == "accepted"


def test_a_batch_of_none_is_none():
    assert judge().for_shard().judge([]) == []


def test_verdicts_can_be_written_as_json_and_carry_their_thresholds():
    shown = [make.candidate(1, "nodule", lesions=(SPOT,))]
    (judgement,) = judge(integrity=FilterChoice(threshold=0.123)).for_shard().judge(shown)
    for verdict in judgement.verdicts:
        json.dumps(verdict.detail, allow_nan=False)
        assert isinstance(verdict.score, float)
        assert verdict.keep == FILTERS[verdict.filter].keep
    assert judgement.verdicts[0].threshold == 0.123
    assert judge().thresholds["integrity"] == FILTERS["integrity"].threshold


def test_threads_share_a_judge_each_with_its_own_shard():
    shared = judge()
    shards = {i: [make.candidate(10 * i + k) for k in range(5)] for i in range(4)}
    expected = {i: repr(shared.for_shard().judge(c)) for i, c in shards.items()}
    said = {}

    def work(i):
        said[i] = repr(shared.for_shard().judge(shards[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == expected
