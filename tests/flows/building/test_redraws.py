"""Candidates that filters refuse are drawn again: in rounds, until one passes or the draws are spent."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import Judge, Prompts, Synthesizer, digests

from filters.verdicts import decide
from flows.building.pipeline import Order, Pipeline
from flows.building.shard import Watch, build_shard, make_draw, make_records
from flows.config.shards import Shard
from manifests.commits import read_commits
from manifests.draws import draws_of
from manifests.identity import open_build
from manifests.parts import read_rows
from manifests.store import Store
from manifests.verify import verify
from synth.errors import Interrupted

SHARD = Shard(0, 0, 13)


class Attentive(Judge):
    """As the stand-in, and remembers as the real one does; ``refuses`` says no to all."""

    def __init__(self, refuses=False):
        super().__init__()
        self.refuses, self.remembered, self.heard = refuses, [], []

    def for_shard(self):
        self.remembered = []
        return self

    def forget(self, keys):
        self.remembered = [key for key in self.remembered if key not in keys]

    def judge(self, candidates):
        judged = super().judge(candidates)
        for candidate in candidates:
            assert candidate.case.key not in self.remembered, "it would be held against itself"
            self.remembered.append(candidate.case.key)
        self.heard.append([(c.case.key, c.case.draw) for c in candidates])
        if not self.refuses:
            return judged
        return [replace(j, verdicts=tuple(_no(v) for v in j.verdicts)) for j in judged]


def _no(verdict):
    return (
        replace(verdict, outcome="fail", threshold=9.0) if verdict.filter == "lesion_agreement" else verdict
    )


def tools(judge=None, **broken):
    broken = {key.lstrip("k"): times for key, times in broken.items()}
    return Pipeline(Prompts(), Synthesizer(broken=broken), judge or Attentive())


def order(redraws, seed=7, batch_size=3, retries=0):
    return Order(seed=seed, batch_size=batch_size, retries=retries, redraws=redraws)


def built(folder, made, asked, watch=None):
    store = Store(folder)
    open_build(store, {"config": {"images": {"retry_draws": asked.redraws}}})
    build_shard(SHARD, asked, made, store, watch or Watch())
    return digests(folder)


def test_the_first_draw_is_that_of_a_build_without_further_ones():
    once = {r.case.key: r for r in make_records(SHARD, order(0), tools(), Watch())}
    for record in make_records(SHARD, order(3), tools(), Watch()):
        first = once[record.case.key]
        assert first.earlier == ()
        if not record.case.draw:
            assert record.verdicts == first.verdicts
            assert np.array_equal(record.candidate.image, first.candidate.image)
        else:
            assert record.earlier[0].verdicts == first.verdicts
            assert not np.array_equal(record.candidate.image, first.candidate.image)
            assert np.array_equal(record.candidate.masks.anatomy, first.candidate.masks.anatomy)


@given(seed=st.integers(0, 10**6), redraws=st.integers(0, 4), batch_size=st.integers(1, 5))
def test_a_candidate_is_drawn_until_it_passes_or_its_draws_are_spent(seed, redraws, batch_size):
    judge = Attentive()
    records = make_records(SHARD, order(redraws, seed, batch_size), tools(judge), Watch())
    assert [r.case.key for r in records] == list(SHARD.keys)
    for record in records:
        assert [refusal.draw for refusal in record.earlier] == list(range(record.case.draw))
        assert all(refusal.reasons == ("lesion_agreement",) for refusal in record.earlier)
        assert record.status == decide(record.verdicts).status
        assert record.status == "accepted" or record.case.draw == redraws
    assert sorted(judge.remembered) == list(SHARD.keys), "the last draw of each"
    rounds = [[h for h in judge.heard if h[0][1] == draw] for draw in range(redraws + 1)]
    for draw, batches in enumerate(rounds):
        drawn = [key for batch in batches for key, _ in batch]
        assert drawn == [r.case.key for r in records if r.case.draw >= draw]
        assert all(len(batch) == batch_size for batch in batches[:-1])


@given(seed=st.integers(0, 10**6), redraws=st.integers(0, 3))
def test_further_draws_only_add_to_what_is_accepted(seed, redraws):
    fewer, more = (make_records(SHARD, order(n, seed), tools(), Watch()) for n in (redraws, redraws + 1))
    for one, other in zip(fewer, more, strict=True):
        if one.status == "accepted":
            assert (other.case.draw, other.verdicts) == (one.case.draw, one.verdicts)
            assert np.array_equal(other.candidate.image, one.candidate.image)
        else:
            assert other.case.draw == redraws + 1


@pytest.mark.parametrize("seed", range(5))
def test_a_shard_has_the_same_bytes_again_whatever_was_broken_meanwhile(tmp_path, seed):
    clean = built(tmp_path / "a", tools(), order(2, seed))
    assert built(tmp_path / "b", tools(), order(2, seed)) == clean
    assert built(tmp_path / "c", tools(k000000006=2), order(2, seed, retries=1)) == clean
    store = Store(tmp_path / "a")
    assert verify(store) == []
    first, *others = draws_of(read_rows(store))
    assert first["judged"] == len(SHARD.keys)
    assert others
    for before, draw in zip((first, *others), others, strict=False):
        assert draw["judged"] == before["judged"] - before["accepted"]


def test_the_last_draw_stands_where_none_passes(tmp_path):
    records = make_records(SHARD, order(2), tools(Attentive(refuses=True)), Watch())
    for record in records:
        assert (record.status, record.case.draw, len(record.earlier)) == ("rejected", 2, 2)
        assert record.candidate.case.draw == 2
    built(tmp_path, tools(Attentive(refuses=True)), order(2))
    assert verify(Store(tmp_path)) == []


def test_a_draw_that_breaks_is_a_failed_row_that_tells_of_those_before(tmp_path, monkeypatch):
    once = make_records(SHARD, order(0), tools(), Watch())
    broken = next(r.case.key for r in once if r.status == "rejected")
    made = tools()
    draw = made.synthesizer.radiographs

    def breaks(cases, masks, should_stop=None):
        if any((case.key, case.draw) == (broken, 1) for case in cases):
            raise RuntimeError("out of luck")
        return draw(cases, masks, should_stop)

    monkeypatch.setattr(made.synthesizer, "radiographs", breaks)
    clean = make_records(SHARD, order(2), tools(), Watch())
    for record, other in zip(make_records(SHARD, order(2), made, Watch()), clean, strict=True):
        if record.case.key != broken:
            assert (record.verdicts, record.earlier) == (other.verdicts, other.earlier)
            continue
        assert (record.status, record.error) == ("failed", "image: RuntimeError: out of luck")
        assert record.case.draw == 1
        assert record.earlier == other.earlier[:1]
        assert broken not in made.judge.remembered
    built(tmp_path, made, order(2))
    store = Store(tmp_path)
    assert verify(store) == []
    (commit,) = read_commits(store).values()
    assert (commit.failed, commit.candidates) == (1, len(SHARD.keys))


def test_progress_counts_each_candidate_once_when_its_last_draw_is_judged():
    counts = []
    records = make_records(SHARD, order(2, batch_size=4), tools(), Watch(made=counts.append))
    assert sum(counts) == len(records)
    ended = sum(r.case.draw == 0 for r in records)
    assert sum(counts[: -(-len(records) // 4)]) == ended
    assert 0 < ended < len(records)


def test_a_stop_between_draws_commits_nothing(tmp_path):
    stop, made = threading.Event(), tools(Attentive(refuses=True))
    judge = made.judge.judge

    def stopping(candidates):
        if candidates[0].case.draw == 1:
            stop.set()
        return judge(candidates)

    made.judge.judge = stopping
    with pytest.raises(Interrupted):
        built(tmp_path, made, order(2), Watch(stop.is_set))
    assert read_commits(Store(tmp_path)) == {}
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} <= {"build.json", ".lock"}


def test_one_draw_is_made_again_without_those_before():
    made = tools()
    for record in make_records(SHARD, order(2), made, Watch()):
        again = make_draw(record.case.key, record.case.draw, order(2), made)
        assert (again.case, again.verdicts) == (record.case, record.verdicts)
        assert np.array_equal(again.candidate.image, record.candidate.image)
        assert again.earlier == ()
