"""Masks and findings of a real radiograph, in the experts' words: what a film without labels lacks."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

from filters.experts.opinion import Expert, Opinion
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES, FINDINGS, OPACITIES
from synth.images.radiographs import normalise_exposure, to_uint8
from synth.masks.anatomy import lung_box
from synth.masks.lesion_sets import SIDES, ZONES, side_of, zone_of

#: Calibrated probability in [0, 1] from which a finding that no label names is taken as there.
PRESENT = 0.5
#: Value of a finding's map in [0, 1] from which a pixel belongs to a lesion.
INSIDE = 0.5
#: A labelled finding whose map stays below INSIDE is outlined at this share of the map's peak (as
#: Zhou et al., CVPR 2016, outline class activation maps), unless the peak is below FAINTEST.
SHARE_OF_PEAK, FAINTEST = 0.5, 0.1
#: Least area of a lesion as a share of the image: 16 pixels of 256 × 256.
SMALLEST = 16 / 256**2
#: Least area of each lung as a share of the image, and least :func:`lung_score` of a frontal radiograph.
#: Of 449 real ones (398 NIH films, 51 of the lung collection) 1 scores lower;
#: photographs, noise, and a film on its side or on its head stay below 0.73, the one real lateral at hand at
#: 0.57.
LEAST_LUNG, LEAST_LUNG_SCORE = 0.02, 0.75
#: Probability of any lung opacity from which a film without a finding is not called normal.
NOT_NORMAL = 0.5

_NEIGHBOURS = np.ones((3, 3), bool)


def lung_score(opinion: Opinion) -> float:
    """How surely both lungs of a frontal radiograph are seen, in [0, 1].

    The mean probability inside a lung's mask, of the lung where it is less; 0 when a lung is smaller than
    LEAST_LUNG of the image or the expert speaks of no lungs.
    """
    scores = []
    for name in ("right_lung", "left_lung"):
        seen, mask = opinion.probability_map(name), opinion.mask(name)
        if seen is None or mask is None or mask.mean() < LEAST_LUNG:
            return 0.0
        scores.append(float(seen[mask].mean()))
    return min(scores)


def certainty(opinion: Opinion) -> float:
    """How surely a chest is seen at all, in [0, 2]: :func:`lung_score`, and the mean probability inside the
    heart's mask where the expert speaks of one."""
    seen, mask = opinion.probability_map("heart"), opinion.mask("heart")
    heart = 0.0 if seen is None or mask is None or not mask.any() else float(seen[mask].mean())
    return lung_score(opinion) + heart


def refusals(anatomy: Expert, images: np.ndarray, organs: Sequence[Opinion]) -> list[str]:
    """Why each of ``images`` (N, H, W) uint8 is no frontal radiograph on which air is dark; empty where it
    may be. ``organs`` are the ``anatomy`` expert's opinions of them.

    No header can say otherwise: of a film and its negative the right one is that in which the expert, who
    knows how lungs and heart look, sees them more surely.
    """
    if not len(images):
        return []
    negatives = anatomy.look(np.stack([negative(image) for image in images]))
    return [_refusal(*both) for both in zip(organs, negatives, strict=True)]


def negative(image: np.ndarray) -> np.ndarray:
    """The negative (H, W) uint8 of an image whose exposure is normalised, normalised too."""
    return to_uint8(normalise_exposure(1 - image.astype(np.float32) / 255))


def _refusal(organs: Opinion, negated: Opinion) -> str:
    score, other = lung_score(organs), lung_score(negated)
    if other >= LEAST_LUNG_SCORE and certainty(negated) > certainty(organs):
        return (
            f"is inverted: the anatomy experts see lungs in its negative (lung score {other:.2f}, as it is "
            f"{score:.2f}), expected a film on which air is dark"
        )
    if not score >= LEAST_LUNG_SCORE:  # NaN is no score
        return (
            f"no frontal radiograph by the anatomy experts' lung score ({score:.2f}), expected "
            f"{LEAST_LUNG_SCORE} or more"
        )
    return ""


def anatomy_masks(opinion: Opinion) -> np.ndarray:
    """(5, H, W) bool in the order of ANATOMY, empty where the expert does not speak of a structure.

    ValueError for an opinion without anatomy.
    """
    if opinion.anatomy is None:
        raise ValueError("opinion: no anatomy, expected that of an anatomy expert")
    nothing = np.zeros(opinion.anatomy.shape[1:], bool)
    masks = (opinion.mask(name) for name in ANATOMY)
    return np.stack([nothing if mask is None else mask for mask in masks])


def findings_seen(opinion: Opinion) -> tuple[str, ...]:
    """Findings whose calibrated probability is at least PRESENT, in the order of FINDING_NAMES."""
    return tuple(n for n in FINDING_NAMES if opinion.probabilities.get(n, 0.0) >= PRESENT)


def looks_normal(opinion: Opinion) -> bool:
    """Whether a film without any of :func:`findings_seen` may be called normal."""
    return not findings_seen(opinion) and opinion.probabilities.get("opacity", 0.0) < NOT_NORMAL


def may_show(opinion: Opinion, name: str) -> bool:
    """Whether a film that no label describes may be taken to show the finding ``name``.

    Of one of OPACITIES the probability of any opacity is asked, which radiologists' grades taught; those of
    single findings are as low as the findings are rare, and few films reach PRESENT in any.
    """
    said = opinion.probabilities
    if name in OPACITIES and "opacity" in said:
        return said["opacity"] >= NOT_NORMAL
    return said.get(name, 0.0) >= PRESENT


def outline(
    opinion: Opinion, requests: Sequence[FindingRequest], labelled: bool, anatomy: np.ndarray
) -> MaskSet:
    """Lesions of the requested findings, one for each connected part of the expert's maps.

    ``anatomy`` (5, H, W) bool. ``labelled`` findings are known to be there: a faint map is outlined at
    SHARE_OF_PEAK, around its peak alone. A request with one side keeps that half of the lungs' box.
    Findings of which the expert has no map have no lesion.
    """
    lesions: list[Lesion] = []
    for name in dict.fromkeys(request.name for request in requests):
        if name in opinion.lesions:
            sides = {request.side for request in requests if request.name == name}
            seen = _on_sides(opinion.lesions[name], sides, anatomy[0] | anatomy[1])
            lesions += (Lesion(name, part) for part in _parts(seen, labelled))
    return MaskSet(anatomy, tuple(lesions))


def requests_of(names: Sequence[str], masks: MaskSet) -> tuple[FindingRequest, ...]:
    """The findings ``names`` with the sides and the zone, if it is one, in which their lesions lie."""
    x0, y0, width, height = lung_box(masks.lungs)
    requests = []
    for name in names:
        sides, zones = set(), set()
        for lesion in masks.lesions:
            if lesion.finding == name and FINDINGS[name].lateral:
                x, y, w, h = (v / masks.size for v in lesion.box)
                sides.add(SIDES[side_of((x + w / 2 - x0) / width)])
                zones.add(ZONES[zone_of((y + h / 2 - y0) / height)])
        side = "bilateral" if len(sides) == 2 else next(iter(sides), None)
        requests.append(FindingRequest(name, side, next(iter(zones)) if len(zones) == 1 else None))
    return tuple(requests)


def _on_sides(seen: np.ndarray, sides: set, lungs: np.ndarray) -> np.ndarray:
    """A map (H, W) cut to the one side that is asked for; all of it otherwise."""
    if sides not in ({"right"}, {"left"}):
        return seen
    x0, _, width, _ = lung_box(lungs)
    middle = round((x0 + width / 2) * seen.shape[1])
    kept = np.zeros_like(seen)
    half = slice(0, middle) if sides == {"right"} else slice(middle, None)
    kept[:, half] = seen[:, half]
    return kept


def _parts(seen: np.ndarray, labelled: bool) -> Iterator[np.ndarray]:
    """(H, W) bool of each part of a map that is a lesion."""
    peak = float(seen.max())
    faint = labelled and FAINTEST <= peak < INSIDE
    parts, count = ndimage.label(seen >= (SHARE_OF_PEAK * peak if faint else INSIDE), _NEIGHBOURS)
    at_peak = parts[np.unravel_index(seen.argmax(), seen.shape)]
    for number in [at_peak] if faint else range(1, count + 1):
        part = parts == number
        if part.mean() >= SMALLEST:
            yield part
