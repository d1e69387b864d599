"""Films with opacities, lungs and mediastinum outlined by people: nothing is ever learned of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from flows.material.films import film
from flows.material.real import require
from synth.images.radiographs import crop

#: What the bits of a mask mean.
BITS = {"consolidation": 0, "ground glass": 1, "mediastinum": 2, "left_lung": 3, "right_lung": 4}


@dataclass(frozen=True)
class Outlined:
    """N films (N, S, S) uint8 as experts are shown them, and bits (N, S, S) uint8 as in BITS."""

    names: list[str]
    images: np.ndarray
    bits: np.ndarray

    def mask(self, *structures: str) -> np.ndarray:
        """(N, S, S) bool: any of these."""
        wanted = sum(1 << BITS[s] for s in structures)
        return np.asarray(self.bits & wanted) > 0


def load_outlined(data: Path, size: int) -> Outlined:
    """The films of ``data/opacities`` at ``size`` pixels a side."""
    names, images, bits = [], [], []
    for path in sorted(require(data / "opacities" / "masks").glob("*.png")):
        source = next((data / "opacities" / "images").glob(f"{path.stem}.*"))
        image, frame = film(source, size)
        with Image.open(path) as file:
            mask = np.asarray(file.resize((size, size), Image.Resampling.NEAREST)).astype(np.uint8)
        names.append(path.stem)
        images.append(image)
        bits.append(crop(mask, frame, order=0))
    return Outlined(names, np.stack(images), np.stack(bits))
