"""What a user chooses of an export."""

from dataclasses import dataclass

from manifests.errors import DatasetError

SEEN, ALL = "seen", "all"

#: Shares of the splits are multiples of this, in percent, so that a block of bodies holds them exactly.
STEP = 5
MOST = 90


@dataclass(frozen=True)
class ExportSettings:
    """``labels``: lesions that the experts see, or all. ``masks``: how outlines are written, one of the
    format's own words. ``empty``: whether images without a lesion stay. ``channels`` of the images, 1 or 3.
    ``val`` and ``test``: percent of the bodies, the rest is for training.

    :raises DatasetError: for labels or a share that are none.
    """

    labels: str = SEEN
    masks: str = ""
    empty: bool = True
    channels: int = 1
    val: int = 10
    test: int = 10

    def __post_init__(self) -> None:
        if self.labels not in (SEEN, ALL):
            raise DatasetError(f"labels: {self.labels[:80]!r}, expected {SEEN} or {ALL}")
        for name, value in (("val", self.val), ("test", self.test)):
            if value < 0 or value % STEP:
                raise DatasetError(f"{name}: {value}, expected percent, a multiple of {STEP}")
        if self.val + self.test > MOST:
            raise DatasetError(f"val and test: {self.val} and {self.test} percent, expected at most {MOST}")
