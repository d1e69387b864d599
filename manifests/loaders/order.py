"""The order of samples in an epoch, and whose turn each is: by numbers alone, nothing is read.

The order depends on the seed, the epoch and the samples. How many ranks and workers share the work only says
who brings which sample of it.
"""

from dataclasses import dataclass

import numpy as np

from synth.seeding import numpy_generator

#: Tars whose samples are mixed with each other: few enough that what is read lies close together.
MIXED = 16


def epoch_order(sizes: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """(N,) int64: all places in the order of their turns. ``sizes``: how many samples each tar gives, in the
    order of places.

    Tars are shuffled; then the samples of each MIXED that follow one another are shuffled together.
    """
    # Raw bits: NumPy keeps those the same in all versions, what it draws from them it does not.
    bits = numpy_generator(seed, f"{epoch}", "order").bit_generator
    turns = np.empty(len(sizes), np.int64)
    turns[np.argsort(bits.random_raw(len(sizes)), kind="stable")] = np.arange(len(sizes))
    groups = np.repeat(turns // MIXED, sizes)
    return np.lexsort((bits.random_raw(len(groups)), groups))


@dataclass(frozen=True)
class Share:
    """What one rank of several does of the turns from ``start`` on to ``end``, in batches.

    Turn ``start`` goes to rank 0, the next to rank 1, and round again. After as many batches of each rank the
    turns that are done are the first ones, without a gap: any number of ranks can go on from there.
    """

    start: int
    end: int
    batch_size: int
    rank: int = 0
    ranks: int = 1

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self._turns) // self.batch_size)

    def turns(self, batch: int) -> range:
        """Those of one batch, in order; the last has as many as are left."""
        return self._turns[batch * self.batch_size : (batch + 1) * self.batch_size]

    def done(self, batches: int) -> int:
        """The turn that comes next when every rank has done so many batches."""
        return min(self.end, self.start + batches * self.batch_size * self.ranks)

    @property
    def _turns(self) -> range:
        return range(self.start + self.rank, self.end, self.ranks)
