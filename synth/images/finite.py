"""The last step of every image model: from floats to pixels, if they are numbers at all."""

import numpy as np
import torch
from torch import Tensor

from synth.errors import WeightsError


class NotFiniteError(WeightsError):
    """An image model made what is no number: as a pixel it would be black, and look like an image."""


def check_finite(values: Tensor, what: str) -> Tensor:
    """``values`` as they are.

    :raises NotFiniteError: one line, for NaN or infinity anywhere in them.
    """
    if bool(torch.isfinite(values).all()):
        return values
    count = int((~torch.isfinite(values)).sum())
    raise NotFiniteError(
        f"image model: {count} of {values.numel()} values of its {what} are not finite, expected numbers: "
        "its weights are broken, or its precision does not suffice"
    )


def to_pixels(images: Tensor) -> np.ndarray:
    """Images of any shape in [-1, 1], cut off beyond, as uint8 of that shape. Raises NotFiniteError."""
    images = check_finite(images, "images").clamp(-1, 1)
    return ((images + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
