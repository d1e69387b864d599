"""What codec and anatomy expert reach on real material that they did not learn from."""

from pathlib import Path

import numpy as np

from filters.experts.embedded import EmbeddedAnatomy
from filters.experts.ensemble import load_anatomy
from flows.material.real import Radiographs, load_lungs, part_of
from flows.training.recipes import anatomy, codec
from synth.findings import ANATOMY
from synth.images.codec import PatchCodec


def codec_figures(shipped: PatchCodec, data: Path, nih: Radiographs) -> dict[str, float | int]:
    """Of :func:`flows.training.recipes.codec.evaluate` on the test part's radiographs as the source stores
    them."""
    test = nih.where("test")
    return {**codec.evaluate(shipped, codec.as_stored(data, nih, test)), "images": len(test)}


def anatomy_figures(data: Path) -> dict[str, dict[str, float]]:
    """Lungs on held-out human masks (:func:`flows.training.recipes.anatomy.lung_figures`): of the ``first``
    expert, which taught the image model, and of ``both`` together, whom the filter asks.
    """
    images, lungs, names = load_lungs(data, 256)
    held = np.array([part_of(n) != "train" for n in names])
    seen = [[o.mask(n) for n in ANATOMY[:2]] for o in load_anatomy().look(images[held])]
    return {
        "first": anatomy.evaluate(EmbeddedAnatomy.load().network, images[held], lungs[held]),
        "both": anatomy.lung_figures(np.array(seen), lungs[held]),
    }
