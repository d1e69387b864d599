"""A radiograph as its file holds it: what an edit starts from, and what must be kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

Kind: TypeAlias = Literal["png", "jpeg", "dicom"]

#: Percentiles of the pixels that become 0 and 1 where the file says nothing: a lead marker or a dead
#: detector line must not decide how bright the chest is.
VIEW_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True, eq=False)
class Original:
    """One grey image at its own size and depth, with brighter meaning denser whatever the file says.

    ``pixels``: (H, W) uint8 for ``bits`` = 8, uint16 for 9 to 16, values 0 to 2**bits - 1, read-only.
    They hold no window and no rescaling; MONOCHROME1 is inverted, signed values are shifted to start at 0.

    ``window``: the pixel values that are 0 and 1 in the working image. Only a view: it may cut values off
    there, and none in ``pixels``. ``curve`` (2**bits,) float32, rising from 0 to 1, is the view in its place
    where that is no line: what each pixel value is in the working image.

    ``header``: a DICOM file's data set without its pixels, None otherwise. Not to be changed. ``negative``:
    whether in that file larger values are less dense.
    """

    path: Path
    kind: Kind
    sha256: str
    pixels: np.ndarray
    bits: int
    window: tuple[float, float]
    header: "FileDataset | None" = None
    curve: np.ndarray | None = None
    negative: bool = False

    def __post_init__(self) -> None:
        self.pixels.setflags(write=False)

    @property
    def top(self) -> int:
        """The largest value that a pixel can have."""
        return (1 << self.bits) - 1

    @property
    def output_suffix(self) -> str:
        """How the name of an edited copy ends: ``.dcm`` for DICOM, otherwise ``.png``."""
        return ".dcm" if self.kind == "dicom" else ".png"


def default_window(pixels: np.ndarray, bits: int) -> tuple[float, float]:
    """The whole range of 8 bits; of more, which are seldom all used, VIEW_PERCENTILES of the pixels.

    ``pixels``: unsigned, any shape.
    """
    low, high = np.percentile(pixels, VIEW_PERCENTILES) if bits > 8 and pixels.size else (0, 0)
    return (float(low), float(high)) if high > low else (0.0, float((1 << bits) - 1))
