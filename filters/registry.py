"""The filters that ship, with their thresholds; free of torch. A new one is a file and a line here."""

from dataclasses import replace
from pathlib import Path

from filters import (
    anatomy_agreement,
    finding_agreement,
    integrity,
    lesion_agreement,
    near_duplicate,
    training_copy,
)
from filters.filter import Filter
from filters.thresholds import Threshold, parse_thresholds

#: Where the shipped thresholds stand: filter name to :class:`filters.thresholds.Threshold`.
THRESHOLDS_FILE = Path(__file__).with_name("thresholds.json")

#: In the order of every tuple of verdicts and every table.
SHIPPED: tuple[Filter, ...] = (
    integrity.FILTER,
    anatomy_agreement.FILTER,
    finding_agreement.FILTER,
    lesion_agreement.FILTER,
    near_duplicate.FILTER,
    training_copy.FILTER,
)


def load_thresholds(path: Path = THRESHOLDS_FILE) -> dict[str, Threshold]:
    """The thresholds of a file; every shipped filter must have one there."""
    thresholds = parse_thresholds(path.read_text("utf-8"), path.name)
    names = [f.name for f in SHIPPED]
    if set(thresholds) != set(names):
        raise ValueError(f"{path.name}: filters {', '.join(thresholds)}, expected {', '.join(names)}")
    return thresholds


#: Where each shipped threshold comes from.
THRESHOLDS = load_thresholds()
#: Name to filter, each with its shipped threshold.
FILTERS: dict[str, Filter] = {f.name: replace(f, threshold=THRESHOLDS[f.name].threshold) for f in SHIPPED}
FILTER_NAMES = tuple(FILTERS)
