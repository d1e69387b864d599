"""What codec and anatomy expert reach on real material that they did not learn from."""

from pathlib import Path

import numpy as np

from filters.experts import EmbeddedAnatomy
from flows.training import anatomy, codec
from flows.training.data import Radiographs, load_lungs, part_of
from synth.codec import PatchCodec


def codec_figures(shipped: PatchCodec, data: Path, nih: Radiographs) -> dict[str, float | int]:
    """Of :func:`flows.training.codec.evaluate` on the test part's radiographs as the source stores them."""
    test = nih.where("test")
    return {**codec.evaluate(shipped, codec.as_stored(data, nih, test)), "images": len(test)}


def anatomy_figures(data: Path) -> dict[str, float]:
    """Of :func:`flows.training.anatomy.evaluate` on held-out human masks of the lungs."""
    images, lungs, names = load_lungs(data, 256)
    held = np.array([part_of(n) != "train" for n in names])
    return anatomy.evaluate(EmbeddedAnatomy.load().network, images[held], lungs[held])
