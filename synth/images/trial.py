"""One image of a checkpoint that nobody has drawn with yet, before a build begins with it."""

from dataclasses import replace

import numpy as np

from synth.cases import Case, MaskSet
from synth.errors import WeightsError
from synth.images.protocol import Imager
from synth.masks.anatomy import ShapeModel, rasterise
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED

#: Denoising steps of the trial: enough to tell an image from none.
STEPS = 2
#: Least standard deviation of an image, in grey levels of 256.
LEAST_SPREAD = 1.0


def try_out(imager: Imager, settings: SynthesisSettings) -> None:
    """Draw one image in a few steps.

    :raises WeightsError: one line, when it is not finite, of one grey, or cannot be drawn at all.
    """
    few = replace(settings, steps=min(STEPS, settings.steps), batch_size=1)
    body = rasterise(ShapeModel.load(SHIPPED / "shape").sample(np.random.default_rng(0)), settings.size)
    about = f"images.checkpoint: {settings.images} draws"
    try:
        (image,) = imager.draw([Case("0", 0, "Chest radiograph.")], [MaskSet(body)], few)
    except (WeightsError, RuntimeError, ValueError, TypeError) as error:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise WeightsError(f"{about} no image, expected one of {settings.size} pixels: {told}") from error
    if image.std() < LEAST_SPREAD:
        raise WeightsError(
            f"{about} one grey ({image.mean():.0f} of 255) all over, expected an image: its weights or its "
            "scheduler are broken"
        )
