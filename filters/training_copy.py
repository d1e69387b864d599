"""Is the radiograph a copy of a training image?"""

import numpy as np

from filters.experts.embedding import TrainingIndex
from filters.verdicts import Score


def score(index: TrainingIndex, embedding: np.ndarray) -> Score:
    """Cosine distance in [0, 2] to the nearest training image in the shipped index.

    ``embedding`` (D,) of unit length (:mod:`filters.experts.embedding`). The threshold is read from the
    same distance of held-out real images: what lies nearer than they do is suspect of being
    memorised (Carlini et al., 2023). Detail: ``nearest``, the training image's name.
    """
    distance, name = index.nearest(embedding)
    return Score(distance, f"too near the training image {name}", {"nearest": name})
