"""One shard: the same bytes again, only failed work tried again, a stop leaves nothing."""

import threading

import pytest
import torch
from standins import Judge, Prompts, Synthesizer, digests

from flows.building.shard import Order, Pipeline, Watch, build_shard, make_records
from flows.config.shards import Shard
from manifests.commits import read_commits
from manifests.identity import open_build
from manifests.store import Store
from synth.errors import Interrupted
from synth.images.finite import check_finite

SHARD = Shard(1, 4, 11)


def tools(**broken):
    broken = {key.lstrip("k"): times for key, times in broken.items()}
    return Pipeline(Prompts(), Synthesizer(broken=broken), Judge())


def order(retries=0, batch_size=3):
    return Order(seed=7, batch_size=batch_size, retries=retries)


def built(folder, made, asked, watch=None):
    store = Store(folder)
    open_build(store, {"config": {}})
    build_shard(SHARD, asked, made, store, watch or Watch())
    return digests(folder)


def test_the_same_bytes_again_and_whatever_was_broken_meanwhile(tmp_path):
    clean = built(tmp_path / "a", tools(), order())
    assert built(tmp_path / "b", tools(), order()) == clean
    # Key 6 raises in its batch, then alone, then is drawn at last.
    assert built(tmp_path / "c", tools(k000000006=2), order(retries=1)) == clean


def test_only_failed_work_is_tried_again():
    made = tools(k000000005=9)
    make_records(SHARD, order(retries=2), made, Watch())
    drawn = [key for batch in made.synthesizer.drawn for key in batch]
    assert drawn.count("000000005") == 4  # with its batch, alone, and two more tries
    assert drawn.count("000000004") == 2  # with the batch that raised, and alone
    assert drawn.count("000000007") == 1


def test_what_is_no_number_is_a_failed_row_that_says_so_and_is_not_tried_again(monkeypatch):
    made = tools()
    draw = made.synthesizer.radiographs

    def broken(cases, masks, should_stop=None):
        if any(case.key == "000000005" for case in cases):
            made.synthesizer.drawn.append([case.key for case in cases])
            check_finite(torch.tensor([float("nan")]), "images")
        return draw(cases, masks, should_stop)

    monkeypatch.setattr(made.synthesizer, "radiographs", broken)
    (row,) = (r for r in make_records(SHARD, order(retries=5), made, Watch()) if r.status == "failed")
    assert row.case.key == "000000005"
    assert row.error.startswith(
        "image: NotFiniteError: image model: 1 of 1 values of its images are not finite"
    )
    drawn = [key for batch in made.synthesizer.drawn for key in batch]
    assert drawn.count("000000005") == 2, "with its batch, and alone"


def test_what_keeps_raising_is_a_failed_row_and_its_neighbours_are_whole():
    clean = make_records(SHARD, order(), tools(), Watch())
    broken = make_records(SHARD, order(), tools(k000000005=9), Watch())
    assert [r.case.key for r in broken] == list(SHARD.keys)
    assert [r.status for r in broken].count("failed") == 1
    for one, other in zip(clean, broken, strict=True):
        if other.status == "failed":
            assert other.error == "image: RuntimeError: out of luck with 000000005"
            assert other.candidate is None
        else:
            assert other.status == one.status
            assert (other.candidate.image == one.candidate.image).all()


@pytest.mark.parametrize("stage", ["prompt", "masks", "verdicts"])
def test_every_stage_can_fail_alone(stage, monkeypatch):
    made = tools()

    def wrap(real, key_of):
        def raising(*arguments):
            if "000000005" in key_of(*arguments):
                raise OSError("gone")
            return real(*arguments)

        return raising

    if stage == "prompt":
        monkeypatch.setattr(made.prompts, "case", wrap(made.prompts.case, lambda s, k: [k]))
    elif stage == "masks":
        monkeypatch.setattr(made.synthesizer, "masks", wrap(made.synthesizer.masks, lambda c: [c.key]))
    else:
        monkeypatch.setattr(made.judge, "judge", wrap(made.judge.judge, lambda cs: [c.case.key for c in cs]))
    records = make_records(SHARD, order(), made, Watch())
    failed = {r.case.key: r.error for r in records if r.status == "failed"}
    assert failed == {"000000005": f"{stage}: OSError: gone"}


def test_a_stop_commits_nothing(tmp_path):
    stop = threading.Event()
    watch = Watch(stop.is_set, lambda count: stop.set())
    with pytest.raises(Interrupted):
        built(tmp_path, tools(), order(), watch)
    assert read_commits(Store(tmp_path)) == {}
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} <= {"build.json", ".lock"}


def test_progress_counts_every_candidate():
    counts = []
    watch = Watch(made=counts.append)
    make_records(SHARD, order(), tools(k000000005=9), watch)
    assert sum(counts) == len(SHARD.keys)
