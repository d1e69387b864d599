"""Shards cover the candidates once, and waves depend on results alone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from flows.config.reading import parse_config
from flows.config.shards import Tally, missing_shards, outlook, shard, shard_count, shortfall
from manifests.quotas import CellCount

sizes = st.builds(
    lambda candidates, size: parse_config({"candidates": candidates, "shard_size": size, "output": "x"}),
    st.integers(1, 500),
    st.integers(1, 60),
)


def wanting(accepted, candidates=400, shard_size=8):
    return parse_config(
        {"candidates": candidates, "accepted": accepted, "shard_size": shard_size, "output": "x"}
    )


def wanting_per(count, candidates=400, shard_size=8):
    per = {"count": count, "of": ["finding"], "findings": ["mass", "nodule", "normal"]}
    return parse_config(
        {"candidates": candidates, "accepted_per": per, "shard_size": shard_size, "output": "x"}
    )


def judge_cells(number, size, seed):
    """What becomes of a shard whose cells take turns; each passes by a share of its own."""
    cells = []
    for cell, share in enumerate((0.2, 0.6, 0.9)):
        asked = range(cell, size, 3)
        passed = [random.Random(f"{seed}/{number}/{i}").random() < share for i in asked]
        cells.append(CellCount(len(asked), sum(passed)))
    accepted = sum(cell.accepted for cell in cells)
    return Tally(accepted, size - accepted, cells=tuple(cells))


def judge(number, size, seed, share):
    """What becomes of a shard: decided by its number, as a real one is by its keys."""
    accepted = sum(random.Random(f"{seed}/{number}/{i}").random() < share for i in range(size))
    return Tally(accepted, size - accepted)


def build(config, seed, share, workers, order):
    """Runs the plan; shards of a wave finish in any order. Without a share cells have their own."""
    done = {}
    while numbers := missing_shards(config, done):
        order.shuffle(numbers)
        for number in numbers[:workers]:
            work = shard(config, number)
            size = work.stop - work.first
            done[number] = (
                judge_cells(number, size, seed) if share is None else judge(number, size, seed, share)
            )
    return done


@given(sizes)
def test_shards_cover_every_candidate_once(config):
    keys = [k for n in range(shard_count(config)) for k in shard(config, n).keys]
    assert keys == [f"{i:09d}" for i in range(config.candidates)]
    assert missing_shards(config, {}) == list(range(shard_count(config)))


@given(
    st.integers(1, 200),
    st.floats(0, 1),
    st.integers(0, 9),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_neither_workers_nor_order_nor_resume_change_what_is_built(accepted, share, seed, workers, order):
    config = wanting(accepted)
    done = build(config, seed, share, workers, order)
    assert done == build(config, seed, share, 1, random.Random(0))
    total = sum(done.values(), Tally())
    assert total.accepted >= accepted or len(done) == shard_count(config)
    assert (shortfall(config, total) is None) == (total.accepted >= accepted)


def test_a_low_first_share_does_not_take_the_whole_ceiling():
    config = wanting(8)
    assert missing_shards(config, {}) == [0]
    assert missing_shards(config, {0: Tally(0, 8)}) == [1]
    assert missing_shards(config, {0: Tally(0, 8), 1: Tally(0, 8)}) == [2, 3]


def test_no_more_than_needed():
    config = wanting(8)
    assert missing_shards(config, {0: Tally(8, 0)}) == []


def test_the_last_shard_of_a_smaller_build_is_made_again_and_no_other():
    small, large = (parse_config({"candidates": n, "shard_size": 8, "output": "x"}) for n in (12, 20))
    done = {0: Tally(5, 3), 1: Tally(1, 3)}
    assert missing_shards(small, done) == []
    assert missing_shards(large, done) == [1, 2]
    assert missing_shards(large, done | {1: Tally(4, 4), 2: Tally(0, 4)}) == []


def test_why_a_build_falls_short():
    config = wanting(300, candidates=400)
    total = Tally(200, 199, 1)
    message = shortfall(config, total)
    assert "300 wanted, 200 reached with all 400 candidates (50% pass, 1 failed)" in message
    assert shortfall(config, Tally(300, 100)) is None
    assert shortfall(parse_config({"candidates": 9, "output": "x"}), Tally(0, 9)) is None


@given(st.integers(1, 60), st.integers(0, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_with_quotas_shards_are_added_until_every_cell_has_enough(count, seed, workers, order):
    config = wanting_per(count)
    done = build(config, seed, None, workers, order)
    assert done == build(config, seed, None, 1, random.Random(0))
    total = sum(done.values(), Tally())
    full = all(cell.accepted >= count for cell in total.cells)
    assert full or len(done) == shard_count(config)
    assert (shortfall(config, total) is None) == full


def test_the_first_wave_is_the_least_that_can_do_and_the_next_at_most_doubles():
    config = wanting_per(8)
    assert outlook(config, Tally()) == 16  # a case may have a mass and a nodule, but is then not normal
    assert missing_shards(config, {}) == [0, 1]
    none = Tally(0, 8, cells=(CellCount(3), CellCount(3), CellCount(2)))
    assert missing_shards(config, {0: none, 1: none}) == [2, 3]


def test_a_cell_alone_is_enough_to_go_on():
    config = wanting_per(2)
    cells = (CellCount(3, 3), CellCount(3, 3), CellCount(2, 1))
    assert missing_shards(config, {0: Tally(7, 1, cells=cells)}) == [1]
    assert missing_shards(config, {0: Tally(8, 0, cells=(*cells[:2], CellCount(2, 2)))}) == []
    told = shortfall(config, Tally(7, 1, cells=cells))
    assert "accepted_per: 2 wanted in each of 3 cells, 2 have them with all 8 candidates (88% pass" in told


def test_cells_of_shards_are_added():
    one, two = (Tally(1, cells=(CellCount(n, 1), CellCount(1, 0))) for n in (2, 3))
    assert (one + two).cells == (CellCount(5, 2), CellCount(2, 0))
    assert (Tally() + one).cells == (one + Tally()).cells == one.cells
