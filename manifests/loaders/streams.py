"""Batches of a dataset as an endless epoch after epoch: shared by ranks and workers, resumed anywhere."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from manifests.errors import DatasetError
from manifests.loaders.datasets import FilmDataset
from manifests.loaders.order import Share, epoch_order


class BatchStream:
    """The batches of one rank, from where the stream stands to the end of its epoch; iterated again, the next
    epoch's. It is an ``IterableDataset`` whose items are batches: ``DataLoader(stream, batch_size=None)``.

    The order of all samples depends on ``seed`` and ``epoch`` alone; unless ``shuffle`` it is that of the
    dataset. ``batch_size`` samples are collated as the dataset does it. ``rank`` of ``ranks`` are those of
    ``torch.distributed`` where it is initialised, unless given. With ``even`` every rank gets as many
    samples, and up to ``ranks`` - 1 are left out of an epoch; else each is given, and some ranks get one
    more.

    ``epoch`` and ``consumed``, samples of it that all ranks together have taken, say where the stream stands.

    :raises DatasetError: for numbers that are none.
    """

    def __init__(
        self,
        dataset: FilmDataset,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        even: bool = False,
        rank: int | None = None,
        ranks: int | None = None,
    ) -> None:
        from torch.utils.data import IterableDataset

        IterableDataset.register(type(self))  # DataLoader asks for this class; ours needs no torch to be one
        if batch_size < 1:
            raise DatasetError(f"batch_size: {batch_size}, expected 1 or more")
        self.dataset, self.batch_size = dataset, batch_size
        self.seed, self.shuffle, self.even = seed, shuffle, even
        there = _place() if rank is None or ranks is None else (0, 1)
        self.rank = there[0] if rank is None else rank
        self.ranks = there[1] if ranks is None else ranks
        if not 0 <= self.rank < self.ranks:
            raise DatasetError(f"rank: {self.rank} of {self.ranks}, expected 0 or more, and less than ranks")
        self.epoch = self.consumed = 0

    def __len__(self) -> int:
        """Batches of this rank that are left of the epoch."""
        return len(self._share())

    def __iter__(self) -> Iterator[Any]:
        from torch.utils.data import get_worker_info

        if worker := get_worker_info():  # DataLoader takes one batch of each worker in turn
            yield from self._made(worker.id, worker.num_workers)
        else:
            yield from self._counted(self._made())

    def batches(self, workers: int = 0, **keywords: Any) -> Iterator[Any]:
        """As iterating the stream, made by ``workers`` processes ahead of time; ``keywords`` are those of
        ``DataLoader``, e.g. ``pin_memory=True``. Batches, their order and ``state_dict`` are the same."""
        from torch.utils.data import DataLoader

        if workers:
            itself: Any = self
            loader: DataLoader[Any] = DataLoader(itself, batch_size=None, num_workers=workers, **keywords)
            return self._counted(iter(loader))
        return iter(self)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands, in plain values: the batch that was given last counts as consumed.

        The same for all ranks that have taken as many batches; that of rank 0 serves all. What a
        ``DataLoader`` of the user's own takes from its workers is not counted: use :meth:`batches`.
        """
        names = ("seed", "shuffle", "epoch", "consumed")
        return {**{name: getattr(self, name) for name in names}, "samples": self.dataset.films.digest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another stream stood; batch size, ranks and workers may be others.

        :raises DatasetError: for the state of other samples, or of none.
        """
        expected = self.state_dict()
        if state.keys() != expected.keys():
            raise DatasetError(f"state: has {', '.join(map(str, state))}, expected {', '.join(expected)}")
        if state["samples"] != expected["samples"]:
            raise DatasetError("state: is of other samples, expected the same builds and choice")
        if not 0 <= state["consumed"] <= len(self.dataset):
            raise DatasetError(f"state: consumed is {state['consumed']} of {len(self.dataset)} samples")
        self.seed, self.shuffle = state["seed"], state["shuffle"]
        self.epoch, self.consumed = state["epoch"], state["consumed"]

    def _share(self) -> Share:
        left = len(self.dataset) - self.consumed
        end = len(self.dataset) - (left % self.ranks if self.even else 0)
        return Share(self.consumed, end, self.batch_size, self.rank, self.ranks)

    def _made(self, first: int = 0, step: int = 1) -> Iterator[Any]:
        """Every so many batches of this rank's."""
        share, order = self._share(), self._order()
        for batch in range(first, len(share), step):
            places = order[share.turns(batch)].tolist()
            yield self.dataset.collate([self.dataset[place] for place in places])

    def _counted(self, batches: Iterator[Any]) -> Iterator[Any]:
        share = self._share()
        for taken, batch in enumerate(batches, start=1):
            self.consumed = share.done(taken)
            yield batch
        self.epoch, self.consumed = self.epoch + 1, 0

    def _order(self) -> np.ndarray:
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return epoch_order(self.dataset.films.sizes, self.seed, self.epoch)


def _place() -> tuple[int, int]:
    """Rank and how many there are, as ``torch.distributed`` has it."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
