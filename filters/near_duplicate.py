"""Does the radiograph differ from every earlier candidate of its shard?"""

import numpy as np

from filters.experts.embedding import cosine_distances
from filters.verdicts import Score

#: The score of the first of a shard: the largest cosine distance there is.
FARTHEST = 2.0


class Memory:
    """The embeddings of one shard's candidates so far, in order.

    Every candidate that an expert could be shown is remembered, accepted or rejected, so that no
    score depends on a threshold and an audit can replay any other from the manifest. One that broke
    has no image and is never here.
    """

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._embeddings: list[np.ndarray] = []

    def nearest(self, embedding: np.ndarray) -> tuple[float, str]:
        """Cosine distance in [0, 2] to the nearest remembered one, and its key; 2, "" with none."""
        if not self._keys:
            return FARTHEST, ""
        distances = cosine_distances(embedding, np.stack(self._embeddings))
        index = int(distances.argmin())
        return float(distances[index]), self._keys[index]

    def copy(self) -> "Memory":
        """A memory that starts with the same and forgets nothing of its own into this one."""
        other = Memory()
        other._keys, other._embeddings = list(self._keys), list(self._embeddings)
        return other

    def add(self, key: str, embedding: np.ndarray) -> None:
        """Remember a candidate; ``embedding`` (D,) of unit length."""
        self._keys.append(key)
        self._embeddings.append(embedding)


def score(memory: Memory, embedding: np.ndarray) -> Score:
    """Cosine distance in [0, 2] to the nearest earlier candidate of the shard, 2 for the first.

    ``embedding`` (D,) of unit length (:mod:`filters.experts.embedding`). Detail: ``nearest``, its key.
    """
    distance, key = memory.nearest(embedding)
    return Score(distance, f"nearly the same as {key}", {"nearest": key})
