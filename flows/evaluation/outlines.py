"""How well maps cover what people outlined: the films of ``opacities``, of which nothing is ever learned."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from filters.anatomy_agreement import dice
from filters.opinions import Expert
from flows.evaluation.experts import opacity_map
from flows.material.real import film
from flows.training.data import require
from synth.radiographs import crop

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


def overlap(
    expert: Expert, films: Outlined, thresholds: tuple[float, ...] = (0.3, 0.5, 0.7)
) -> dict[str, Any]:
    """Mean Dice of the opacity map, cut at each threshold, on films with an opacity; each film's at 0.5."""
    truth = films.mask("consolidation", "ground glass")
    some = np.flatnonzero(truth.any((1, 2)))
    maps = [opacity_map(o) for o in expert.look(films.images[some])]
    scores = {
        t: [dice(m > t, truth[i]) if m is not None else 0.0 for m, i in zip(maps, some, strict=True)]
        for t in thresholds
    }
    return {
        "films": len(some),
        "share of film": round(float(truth[some].mean()), 3),
        "dice": {str(t): round(float(np.mean(v)), 3) for t, v in scores.items()},
    }
