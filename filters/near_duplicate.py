"""Does the radiograph differ from every earlier candidate of its shard?"""

from filters.filter import Calibration, Evidence, Filter
from filters.verdicts import Score


def score(evidence: Evidence) -> Score:
    """Cosine distance in [0, 2] to the nearest earlier candidate of the shard, 2 for the first.

    Detail: ``nearest``, its key.
    """
    assert evidence.memory is not None
    distance, key = evidence.memory.nearest(evidence.place)
    return Score(distance, f"nearly the same as {key}", {"nearest": key})


FILTER = Filter(
    name="near_duplicate",
    question="differs from every earlier candidate of its shard",
    unit="cosine distance to the nearest, 0 (same) to 2",
    embeds=True,
    score=score,
    cost=1,
    calibration=Calibration(
        95.0,
        "disguises",
        "held-out NIH radiographs moved a little or exposed otherwise, against themselves",
    ),
)
