"""Is this a readable radiograph at all: right format, not blank, not clipped?"""

import numpy as np

from filters.filter import Calibration, Evidence, Filter, readable
from filters.verdicts import Score

#: What a sub-check that is the smallest says of the image.
REASONS = {
    "format": "not an 8-bit grey square",
    "finite": "holds NaN or infinity",
    "range": "values outside 0 to 255",
    "contrast": "blank or nearly so",
    "unclipped": "clipped to black or white",
    "entropy": "too few grey levels",
}


def score(evidence: Evidence) -> Score:
    """The smallest of six margins, each in [0, 1], 0 broken.

    ``format``, ``finite`` and ``range`` are 0 or 1. ``contrast`` is the span from the 1st to the
    99th percentile as a share of 255; ``unclipped`` the share of pixels that are neither 0 nor 255;
    ``entropy`` the entropy of the grey-level histogram as a share of its 8 bits (Shannon, 1948).
    The three are not looked at when the image is not well formed. Detail holds every margin, and
    the dtype and shape of an image that is not well formed.
    """
    image = np.asarray(evidence.candidate.image)
    if not readable(evidence.candidate):
        return _malformed(image)
    histogram = np.bincount(image.ravel(), minlength=256)
    share = histogram / image.size
    low, high = np.percentile(image, (1, 99))
    present = share[share > 0]
    margins = {
        "format": 1.0,
        "finite": 1.0,
        "range": 1.0,
        "contrast": float((high - low) / 255),
        "unclipped": float(1 - share[0] - share[255]),
        # + 0.0: one grey level gives -0.0, which reads badly in a manifest
        "entropy": float(-(present * np.log2(present)).sum() / 8) + 0.0,
    }
    return _worst(margins)


def _malformed(image: np.ndarray) -> Score:
    """What can be said of something that is not a uint8 square."""
    numeric = np.issubdtype(image.dtype, np.number) and not np.iscomplexobj(image)
    finite = bool(numeric and np.isfinite(image).all())
    in_range = bool(finite and ((image >= 0) & (image <= 255)).all())
    margins = {"format": 0.0, "finite": float(finite), "range": float(in_range)}
    worst = _worst(margins)
    found = {"dtype": str(image.dtype), "shape": list(image.shape)}
    # The most telling cause comes first: a NaN explains more than the float type that it needs.
    cause = "finite" if numeric and not finite else "range" if finite and not in_range else "format"
    return Score(worst.value, REASONS[cause], {**worst.detail, **found})


def _worst(margins: dict[str, float]) -> Score:
    name = min(margins, key=margins.__getitem__)
    return Score(margins[name], REASONS[name], {k: round(v, 4) for k, v in margins.items()})


FILTER = Filter(
    name="integrity",
    question="is a readable image: right format, not blank, not clipped",
    unit="the smallest of six margins, 0 (broken) to 1",
    any_image=True,
    score=score,
    cost=0,
    calibration=Calibration(1.0, "films", "held-out NIH radiographs, exposure normalised"),
)
