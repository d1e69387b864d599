"""Streams of real builds through torch's DataLoader: ranks, workers, and resuming in mid-epoch."""

import json

import pytest
from drawn_exports import build_seen
from torch.utils.data import DataLoader

from manifests.errors import DatasetError
from manifests.loaders.datasets import ClassificationDataset, DetectionDataset
from manifests.loaders.streams import BatchStream

WORKERS = (0, 1, 4)

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than this machine has


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Samples of five shards."""
    store = build_seen(tmp_path_factory.mktemp("streamed"), 5)
    return ClassificationDataset(store.url, labels="all", near_duplicates=True)


@pytest.fixture(scope="module")
def expected(dataset):
    """The keys of the first epoch, in order."""
    return keys(BatchStream(dataset, 1, seed=5, rank=0, ranks=1))


def keys(batches):
    return [key for batch in batches for key in batch["key"]]


def interleaved(ranks):
    """The keys of all ranks in the order of their turns."""
    return [keys[turn] for turn in range(max(map(len, ranks))) for keys in ranks if turn < len(keys)]


def ranked(dataset, ranks, **options):
    return [BatchStream(dataset, 4, seed=5, rank=rank, ranks=ranks, **options) for rank in range(ranks)]


def test_an_epoch_gives_each_sample_once_in_an_order_of_its_own(dataset, expected):
    stored = [sample["key"] for sample in dataset]
    assert sorted(expected) == stored
    assert expected != stored
    assert keys(BatchStream(dataset, 7, shuffle=False)) == stored
    stream = BatchStream(dataset, 7, seed=5)
    assert len(stream) == -(-len(stored) // 7)
    assert [keys(stream) == expected for _ in range(2)] == [True, False]
    assert stream.epoch == 2


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("workers", WORKERS)
def test_the_global_order_is_the_same_for_all_ranks_and_workers(dataset, expected, ranks, workers):
    assert interleaved([keys(s.batches(workers)) for s in ranked(dataset, ranks)]) == expected


def test_a_data_loader_of_the_users_gives_the_same(dataset, expected):
    (stream,) = ranked(dataset, 1)
    assert keys(DataLoader(stream, batch_size=None, num_workers=3)) == expected


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("workers", WORKERS)
def test_a_run_resumed_in_mid_epoch_sees_each_sample_once(dataset, expected, ranks, workers):
    first, states = [], []
    for stream in ranked(dataset, ranks):
        batches = stream.batches(workers)
        first.append(keys(next(batches) for _ in range(2)))
        states.append(json.loads(json.dumps(stream.state_dict())))
    assert all(state == states[0] for state in states)
    assert states[0]["consumed"] == min(8 * ranks, len(dataset))
    for others in {ranks, 2}:  # also on another number of machines
        streams = ranked(dataset, others)
        for stream in streams:
            stream.load_state_dict(states[0])
        rest = interleaved([keys(stream.batches(workers)) for stream in streams])
        assert interleaved(first) + rest == expected
        assert {(s.epoch, s.consumed) for s in streams} == {(1, 0)}


def test_a_loop_that_was_left_goes_on_where_it_stood(dataset, expected):
    stream = BatchStream(dataset, 4, seed=5)
    first = keys([next(iter(stream))])
    assert first + keys(stream) == expected


def test_state_of_the_last_batch_goes_on_with_the_next_epoch(dataset):
    stream, again = BatchStream(dataset, 4, seed=5), BatchStream(dataset, 4)
    for _ in stream:
        state = stream.state_dict()
    again.load_state_dict(state)
    assert keys(again) == []
    assert keys(again) == keys(stream)


def test_even_ranks_get_as_many_samples(dataset):
    for ranks in (2, 3, 5):
        taken = [keys(stream) for stream in ranked(dataset, ranks, even=True)]
        assert {len(k) for k in taken} == {len(dataset) // ranks}


def test_ranks_are_those_of_torch_distributed(dataset, tmp_path):
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        stream = BatchStream(dataset, 4)
        assert (stream.rank, stream.ranks) == (0, 1)
    finally:
        distributed.destroy_process_group()


def test_films_with_any_number_of_lesions_make_a_batch(dataset):
    source = dataset.films._shards[0].build.url
    images, targets = next(iter(BatchStream(DetectionDataset(source), 5).batches(1)))
    assert len(images) == len(targets) == 5
    assert {target["boxes"].shape[1] for target in targets} == {4}


def test_mistakes_are_a_line(dataset, source):
    for options in ({"batch_size": 0}, {"batch_size": 1, "rank": 2, "ranks": 2}):
        with pytest.raises(DatasetError, match=r"(batch_size|rank): .*, expected"):
            BatchStream(dataset, **options)
    other = BatchStream(ClassificationDataset(source.url), 4)
    with pytest.raises(DatasetError, match="state: is of other samples"):
        other.load_state_dict(BatchStream(dataset, 4).state_dict())
    with pytest.raises(
        DatasetError, match=r"state: has epoch, expected seed, shuffle, epoch, consumed, samples"
    ):
        other.load_state_dict({"epoch": 1})
