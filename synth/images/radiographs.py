"""Real radiographs made comparable: borders cut, exposure normalised, burned-in markers removed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from synth.errors import UserError

#: Where the 5th, 50th and 95th percentile of the central field end up, in [0, 1].
EXPOSURE_ANCHORS = (0.12, 0.52, 0.90)


def read_radiograph(path: Path, size: int) -> np.ndarray:
    """(size, size) float32 in [0, 1], brighter is denser; exposure as stored. UserError for no image."""
    try:
        with Image.open(path) as image:
            grey = image.convert("L").resize((size, size), Image.Resampling.BOX)
    except (OSError, SyntaxError) as error:  # what Pillow raises for a broken file has no errno
        if isinstance(error, OSError) and error.errno:
            raise
        raise UserError(f"{path}: {error!s:.200}, expected an image that can be read") from error
    return np.asarray(grey, dtype=np.float32) / 255.0


def border_box(image: np.ndarray, limit: float = 0.12) -> tuple[float, float, float, float]:
    """What is left when collimator edges are cut: (x0, y0, x1, y1) as fractions of width and height.

    An edge row or column goes while 9 in 10 of its pixels are nearly black or nearly white, up to
    ``limit`` of the side.
    """
    flat = (image < 0.04) | (image > 0.985)

    def run(share: np.ndarray) -> int:
        stop = int(limit * len(share))
        kept = np.flatnonzero(share[:stop] < 0.9)
        return int(kept[0]) if len(kept) else stop

    rows, cols = flat.mean(1), flat.mean(0)
    h, w = image.shape
    return run(cols) / w, run(rows) / h, 1 - run(cols[::-1]) / w, 1 - run(rows[::-1]) / h


def crop(image: np.ndarray, box: tuple[float, float, float, float], order: int = 1) -> np.ndarray:
    """The part of a square image inside ``box`` (fractions), resampled to the same shape."""
    if box == (0.0, 0.0, 1.0, 1.0):
        return image
    x0, y0, x1, y1 = box
    h, w = image.shape
    offset = (y0 * h, x0 * w)
    return ndimage.affine_transform(
        image, (y1 - y0, x1 - x0), offset=offset, output_shape=(h, w), order=order, mode="nearest"
    )


def uncrop(part: np.ndarray, box: tuple[float, float, float, float], order: int = 1) -> np.ndarray:
    """What :func:`crop` cut out, (H, W), back in its place; 0 (False) where it had cut off."""
    if box == (0.0, 0.0, 1.0, 1.0):
        return part
    x0, y0, x1, y1 = box
    h, w = part.shape
    scale = 1 / (y1 - y0), 1 / (x1 - x0)
    offset = (-y0 * h * scale[0], -x0 * w * scale[1])
    return ndimage.affine_transform(part, scale, offset=offset, order=order, mode="constant")


@dataclass(frozen=True)
class Exposure:
    """The grey scale of one radiograph: a smooth, increasing map to the anchored one, and its inverse.

    A gamma puts the median of the central field on its anchor, a line the 5th and 95th percentile.
    """

    low: float
    span: float
    gamma: float

    @classmethod
    def of(cls, image: np.ndarray) -> "Exposure":
        """Of (H, W) in [0, 1]."""
        h, w = image.shape
        field = image[int(0.08 * h) : int(0.92 * h), int(0.08 * w) : int(0.92 * w)]
        low, mid, high = np.percentile(field, (5, 50, 95))
        span = max(high - low, 1e-3)
        a, b, c = EXPOSURE_ANCHORS
        middle = np.clip((mid - low) / span, 0.05, 0.95)
        return cls(float(low), float(span), float(np.log((b - a) / (c - a)) / np.log(middle)))

    def normalise(self, image: np.ndarray) -> np.ndarray:
        """(H, W) float32 in [0, 1]; what the anchors' lines carry beyond is cut off."""
        a, _, c = EXPOSURE_ANCHORS
        x = (image - self.low) / self.span
        inside = a + (c - a) * np.clip(x, 0, 1) ** self.gamma
        out = inside + np.where(x < 0, a * x * 2, 0) + np.where(x > 1, (1 - c) * (x - 1) * 2, 0)
        return np.clip(out, 0, 1).astype(np.float32)

    def restore(self, image: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`normalise` for (H, W) in [0, 1]: float32 in the image's own grey scale."""
        a, _, c = EXPOSURE_ANCHORS
        inside = np.clip((image - a) / (c - a), 0, 1) ** (1 / self.gamma)
        below, above = np.minimum(image - a, 0) / (2 * a), np.maximum(image - c, 0) / (2 * (1 - c))
        return (self.low + self.span * (inside + below + above)).astype(np.float32)


def normalise_exposure(image: np.ndarray) -> np.ndarray:
    """Anchor three percentiles of the central field, so that exposure tells nothing of the label.

    (H, W) in [0, 1] to the same in float32; :class:`Exposure` has the map.
    """
    return Exposure.of(image).normalise(image)


def remove_markers(image: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Letters, arrows and discs outside the chest field replaced by what surrounds them.

    ``lungs`` (H, W) bool; only pixels well outside the box around them are touched, none where no lung is
    seen. Small bright or dark structures are found by top-hat transforms (Serra, 1982).
    """
    if not lungs.any():
        return image
    h = image.shape[0]
    radius = max(3, h // 28)
    outside = ~ndimage.binary_dilation(_hull_box(lungs), iterations=max(1, h // 64))
    background = ndimage.median_filter(image, size=2 * radius + 1)
    odd = (np.abs(image - background) > 0.16) & outside
    odd = ndimage.binary_dilation(odd, iterations=max(1, h // 128)) & outside
    weight = ndimage.gaussian_filter(odd.astype(np.float32), h / 256)
    return np.where(outside, image * (1 - weight) + background * weight, image).astype(np.float32)


def _hull_box(mask: np.ndarray) -> np.ndarray:
    """The filled bounding box of a mask."""
    out = np.zeros_like(mask)
    if mask.any():
        ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        out[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = True
    return out


def to_uint8(image: np.ndarray) -> np.ndarray:
    """[0, 1] to uint8 with rounding."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
