"""Every filter's name, keep direction, cost and shipped threshold; free of torch."""

from dataclasses import dataclass
from pathlib import Path

from filters.thresholds import Threshold, parse_thresholds
from filters.verdicts import Keep

#: Where the shipped thresholds stand: filter name to :class:`filters.thresholds.Threshold`.
THRESHOLDS_FILE = Path(__file__).with_name("thresholds.json")


@dataclass(frozen=True)
class FilterInfo:
    """What is known of a filter without running it.

    ``unit`` says what its score is and in which range; ``cost`` ranks filters from the cheapest (0)
    up, which is the order of the cheap-first mode; ``default`` is the shipped threshold.
    """

    name: str
    keep: Keep
    description: str
    unit: str
    cost: int
    default: Threshold

    @property
    def threshold(self) -> float:
        """The shipped threshold, in the score's unit."""
        return self.default.threshold


# name, keep, description, unit, cost
_TABLE: tuple[tuple[str, Keep, str, str, int], ...] = (
    (
        "integrity",
        ">=",
        "is a readable image: right format, not blank, not clipped",
        "the smallest of five margins, 0 (broken) to 1",
        0,
    ),
    (
        "anatomy_agreement",
        ">=",
        "the lungs are where the anatomy mask says",
        "Dice of the worse lung, 0 to 1",
        5,
    ),
    (
        "finding_agreement",
        ">=",
        "shows the prompted findings and no others",
        "probability of the least believed claim, 0 to 1",
        3,
    ),
    (
        "lesion_agreement",
        ">=",
        "each lesion is seen where its mask says",
        "localisation inside minus outside of the worst lesion, -1 to 1",
        4,
    ),
    (
        "near_duplicate",
        ">=",
        "differs from every earlier candidate of its shard",
        "cosine distance to the nearest, 0 (same) to 2",
        1,
    ),
    (
        "training_copy",
        ">=",
        "is no copy of a training image",
        "cosine distance to the nearest, 0 (same) to 2",
        2,
    ),
)


def load_filters(path: Path = THRESHOLDS_FILE) -> dict[str, FilterInfo]:
    """The table of filters with the thresholds of a file; every filter must have one there."""
    thresholds = parse_thresholds(path.read_text("utf-8"), path.name)
    names = [row[0] for row in _TABLE]
    if set(thresholds) != set(names):
        raise ValueError(f"{path.name}: filters {', '.join(thresholds)}, expected {', '.join(names)}")
    return {row[0]: FilterInfo(*row, thresholds[row[0]]) for row in _TABLE}


#: Name to filter, in the order of every tuple of verdicts and every table.
FILTERS: dict[str, FilterInfo] = load_filters()
FILTER_NAMES = tuple(FILTERS)
