"""From an original to the square image that models work on, and back without touching the rest.

The working image is the whole original resampled to a square, as
:func:`synth.images.radiographs.read_radiograph` does for training: no bars that a model never saw, and
sides that differ are squeezed. The inverse map is the same resampling to (H, W): working column x lies at
original column (x + 0.5) * W / size - 0.5, rows
alike.

What goes back is the *change* (edited minus working image), not the edited pixels: detail finer than the
working image's grid stays, and an edit that changes nothing gives the original.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from manifests.errors import DatasetError
from manifests.films.originals import Original

#: Width of the soft edge around the mask, as a share of the working image's side: 4 pixels of 256.
EDGE = 1 / 64


def working_image(original: Original, size: int) -> np.ndarray:
    """(size, size) float32 in [0, 1], brighter is denser: the original by its ``window`` or its ``curve``."""
    if original.curve is not None:
        view = original.curve[original.pixels]
    else:
        low, high = original.window
        view = original.pixels.astype(np.float32)
        view -= low
        view /= high - low
        np.clip(view, 0, 1, out=view)
    return np.clip(_resample(view, size, size), 0, 1)


def blend_weight(mask: np.ndarray, shape: tuple[int, int], edge: float = EDGE) -> np.ndarray:
    """(H, W) float32 in [0, 1] at the original's ``shape``: how much of the edit each pixel takes.

    ``mask`` (size, size) bool. 1 inside the mask, falling smoothly to exactly 0 at ``edge`` times the
    mask's side from it. Resampling spreads that by at most one working pixel where the original is larger,
    and by at most one original pixel where it is smaller.
    """
    width = max(edge * mask.shape[0], 1e-6)
    distance = ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    ramp = np.clip(1 - distance / width, 0, 1)
    soft = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return np.clip(_resample(soft, *shape, filter=Image.Resampling.BILINEAR), 0, 1)


def restore(original: Original, edited: np.ndarray, mask: np.ndarray, edge: float = EDGE) -> np.ndarray:
    """The original with the edit put back: (H, W) of its dtype and range, see :attr:`Original.pixels`.

    ``edited`` (size, size) float in [0, 1] in the grey scale of ``working_image(original, size)``: undo
    any exposure normalisation first. ``mask`` (size, size) bool, or 0 and 1. Where :func:`blend_weight` is
    0 every pixel is the original's own; elsewhere the change is added with that weight and cut to the
    original's range, by a ``curve`` as far as that leads. Values beyond the window are not pulled back into
    it.

    :raises DatasetError: for an edit or a mask of the wrong shape or values, and an ``edge`` below 0.
    """
    edited, mask = _checked_edit(edited), _checked_mask(mask, edited.shape)
    if not 0 <= edge <= 1:
        raise DatasetError(f"edge: {edge}, expected a share of the side from 0 to 1")
    height, width = original.pixels.shape
    change = edited.astype(np.float32) - working_image(original, edited.shape[0])
    change = _resample(change, height, width, filter=Image.Resampling.BILINEAR)
    weight = blend_weight(mask, (height, width), edge)
    blended = original.pixels + _in_pixels(original, weight.astype(np.float64) * change)
    rounded = np.rint(np.clip(blended, 0, original.top)).astype(original.pixels.dtype)
    return np.where(weight > 0, rounded, original.pixels)


def _in_pixels(original: Original, change: np.ndarray) -> np.ndarray:
    """A change (H, W) of the view in steps of pixel values."""
    if original.curve is None:
        low, high = original.window
        return change * (high - low)
    rises = np.flatnonzero(np.diff(original.curve) > 0)
    levels = np.concatenate([rises[:1], rises + 1])  # of each stretch that is flat, the end that is nearest
    values = original.curve[levels].astype(np.float64)
    now = original.curve[original.pixels].astype(np.float64)
    return np.interp(now + change, values, levels) - np.interp(now, values, levels)


def _resample(
    image: np.ndarray, height: int, width: int, filter: Image.Resampling | None = None
) -> np.ndarray:
    """(h, w) float32 to (height, width). BOX, the mean of what a pixel covers, unless a side grows."""
    if image.shape == (height, width):
        return image.astype(np.float32)
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    filter = filter or (Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    return np.array(Image.fromarray(image.astype(np.float32, copy=False)).resize((width, height), filter))


def _checked_edit(edited: np.ndarray) -> np.ndarray:
    if edited.ndim != 2 or edited.shape[0] != edited.shape[1] or not edited.size:
        raise DatasetError(f"edited image: shape {edited.shape}, expected a square")
    if not np.issubdtype(edited.dtype, np.floating):
        raise DatasetError(f"edited image: {edited.dtype}, expected floats in [0, 1]")
    if not (np.isfinite(edited).all() and edited.min() >= 0 and edited.max() <= 1):
        raise DatasetError(f"edited image: values {edited.min()} to {edited.max()}, expected [0, 1]")
    return edited


def _checked_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if mask.shape != shape:
        raise DatasetError(f"mask: shape {mask.shape}, expected the edited image's {shape}")
    if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
        raise DatasetError(f"mask: values {mask.min()} to {mask.max()}, expected 0 and 1")
    return mask.astype(bool)
