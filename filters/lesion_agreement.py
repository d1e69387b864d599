"""Is each lesion seen where its mask says? The expert's localisation inside against outside."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from filters.filter import Calibration, Evidence, Filter
from filters.verdicts import Score, rounded
from synth.cases import MaskSet

#: Findings whose instances mean nothing alone: they are judged together.
SCATTERED = frozenset(("diffuse_nodule",))
#: The ring around a lesion that its grey values are compared with, as a share of the image's side.
RING = 0.05


def lesions(masks: MaskSet) -> Iterator[tuple[str, np.ndarray]]:
    """(finding, (H, W) bool) of each lesion to judge: instances, or the union of scattered ones."""
    scattered: dict[str, np.ndarray] = defaultdict(lambda: np.zeros_like(masks.lungs))
    for lesion in masks.lesions:
        if lesion.finding in SCATTERED:
            scattered[lesion.finding] |= lesion.mask
        else:
            yield lesion.finding, lesion.mask
    yield from scattered.items()


def localisation(seen: np.ndarray, lesion: np.ndarray, elsewhere: np.ndarray) -> float:
    """Mean of a map (H, W) in [0, 1] inside a lesion minus its mean elsewhere, in [-1, 1].

    With no pixel elsewhere (the lesions cover the lungs) nothing is subtracted.
    """
    outside = float(seen[elsewhere].mean()) if elsewhere.any() else 0.0
    return float(seen[lesion].mean()) - outside


def contrast(image: np.ndarray, lesion: np.ndarray, avoid: np.ndarray) -> float:
    """Mean grey inside a lesion minus that of a ring around it, as a share of 255, in [-1, 1].

    ``image`` (H, W) uint8; ``avoid`` (H, W) bool, what the ring leaves out (other lesions). 0 when
    no ring is left. Negative where a lesion is darker than what surrounds it (air).
    """
    reach = max(1, round(RING * image.shape[0]))
    ring = (ndimage.distance_transform_edt(~lesion) <= reach) & ~lesion & ~avoid
    if not ring.any():
        return 0.0
    return float(image[lesion].mean() - image[ring].mean()) / 255


def score(evidence: Evidence) -> Score:
    """The worst lesion's localisation, in [-1, 1]: 0 says that the expert sees it no more than not.

    Of each lesion whose finding the expert has a map for that outlines in real films taught, and could tell
    on real films: the mean of that map inside the mask minus its mean in the lungs outside every lesion of
    the case. 1 when there is no such lesion.
    Detail: ``lesions``, for each the finding, ``localisation`` and the image's own grey
    ``contrast`` against a ring around it (told, not judged: no one sign or size is right for all).
    """
    masks, opinion = evidence.candidate.masks, evidence.heard
    decide = opinion.lesions.keys() - opinion.doubted - opinion.unplaced
    judged = [(f, mask) for f, mask in lesions(masks) if f in decide]
    if not judged:
        return Score(1.0, "", {"lesions": []})
    anywhere = masks.lesion_channels().any(0)
    elsewhere = masks.lungs & ~anywhere
    values = [localisation(opinion.lesions[f], mask, elsewhere) for f, mask in judged]
    rows = [
        {
            "finding": finding,
            "localisation": rounded(value),
            "contrast": rounded(contrast(evidence.candidate.image, mask, anywhere & ~mask)),
        }
        for (finding, mask), value in zip(judged, values, strict=True)
    ]
    worst = int(np.argmin(values))  # argmin gives the first NaN, should there be one
    name = judged[worst][0].replace("_", " ")
    return Score(values[worst], f"{name} is not seen where its mask says", {"lesions": rows})


FILTER = Filter(
    name="lesion_agreement",
    question="each lesion is seen where its mask says",
    unit="localisation inside minus outside of the worst lesion, -1 to 1",
    asks="findings",
    score=score,
    cost=4,
    calibration=Calibration(10.0, "boxed", "findings that radiologists boxed in held-out NIH radiographs"),
)
