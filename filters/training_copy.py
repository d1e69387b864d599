"""Is the radiograph a copy of a training image?"""

from filters.filter import Calibration, Evidence, Filter
from filters.verdicts import Score


def score(evidence: Evidence) -> Score:
    """Cosine distance in [0, 2] to the nearest training image in the shipped index.

    The threshold is read from the same distance of held-out real images: what lies nearer than they do is
    suspect of being memorised (Carlini et al., 2023). Detail: ``nearest``, the training image's name.
    """
    assert evidence.index is not None
    distance, name = evidence.index.nearest(evidence.place)
    return Score(distance, f"too near the training image {name}", {"nearest": name})


FILTER = Filter(
    name="training_copy",
    question="is no copy of a training image",
    unit="cosine distance to the nearest, 0 (same) to 2",
    embeds=True,
    score=score,
    cost=2,
    calibration=Calibration(3.0, "films", "held-out NIH radiographs against the nearest training image"),
)
