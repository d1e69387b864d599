"""The order of an epoch by numbers alone: the same for all ranks and workers, resumed anywhere."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.loaders.order import MIXED, Share, epoch_order

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=40)


@given(SIZES, st.integers(0, 99), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_each_place_has_one_turn(sizes, seed, epoch):
    order = epoch_order(np.array(sizes), seed, epoch)
    assert sorted(order.tolist()) == list(range(sum(sizes)))


def test_seed_and_epoch_make_the_order():
    sizes = np.full(20, 10)
    one = epoch_order(sizes, 1, 0).tolist()
    assert one == epoch_order(sizes, 1, 0).tolist()
    assert one not in (epoch_order(sizes, 1, 1).tolist(), epoch_order(sizes, 2, 0).tolist())
    assert one[:6] == [96, 168, 69, 149, 139, 199]  # on every machine, in every version


def test_few_tars_are_open_at_a_time():
    sizes = np.full(10 * MIXED, 5)
    order = epoch_order(sizes, 3, 0)
    for start in range(0, len(order), 5 * MIXED):
        tars = {place // 5 for place in order[start : start + 5 * MIXED].tolist()}
        assert len(tars) == MIXED
        assert max(tars) - min(tars) > MIXED  # not neighbours


def interleaved(shares, batches):
    """All turns of so many batches of each rank, in the order in which the ranks take them."""
    taken = [[turn for b in range(batches) for turn in share.turns(b)] for share in shares]
    return [row[i] for i in range(max(map(len, taken), default=0)) for row in taken if i < len(row)]


@given(st.integers(1, 300), st.integers(1, 9), st.integers(1, 6), st.integers(1, 6), st.data())
@settings(max_examples=200, deadline=None)
def test_ranks_take_turns_and_any_number_of_them_goes_on(total, size, ranks, others, data):
    before = [Share(0, total, size, rank, ranks) for rank in range(ranks)]
    most = max(map(len, before))
    batches = data.draw(st.integers(0, most))
    done = {share.done(batches) for share in before}
    assert len(done) == 1
    (start,) = done
    assert interleaved(before, batches) == list(range(start))
    after = [Share(start, total, size, rank, others) for rank in range(others)]
    assert interleaved(after, most * ranks) == list(range(start, total))
