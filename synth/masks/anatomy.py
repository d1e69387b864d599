"""Anatomy: a statistical shape model of lungs, heart and clavicles (Cootes et al., 1995).

One lung convention holds in the product: each lung runs behind the heart up to the spine, as in
the V7 Labs masks (``anatomy & ~heart`` gives the other one). Contours whose lungs stop at the heart
border are converted by :func:`extend_behind_heart`.

Shapes live in the *lung frame*: x and y in [0, 1] over the bounding box of both lungs. Heart and
clavicles are normal given the lungs: a linear regression plus principal components of its residuals.
In the lung frame the heart's width is the cardiothoracic ratio. How the lungs lie in the film and which
shape they have depends on age, sex and view: children's are short and lie high, on AP films narrow.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.draw import polygon

from synth.cases import MaskSet
from synth.demographics import UNKNOWN, Demographics
from synth.findings import ANATOMY, Severity
from synth.weights import WEIGHTS, check_shapes, read_tensors

Contours = dict[str, np.ndarray]

#: Points per contour in the landmark data, in the order of ANATOMY.
POINTS = (44, 50, 26, 23, 23)

#: Indices of the medial border of each lung contour, from the diaphragm up to the apex.
_MEDIAL = {"right_lung": slice(29, 43), "left_lung": slice(27, 49)}

#: Cardiothoracic ratio by severity of cardiomegaly: over 0.5 is enlarged (Danzer, 1919).
ENLARGED: dict[Severity, tuple[float, float]] = {
    "mild": (0.51, 0.56),
    "moderate": (0.56, 0.62),
    "severe": (0.62, 0.70),
}

#: Share of each among enlarged hearts: widths of 154 radiologists' outlines in ChestX-Det.
ENLARGED_SHARE: dict[Severity, float] = {"mild": 0.64, "moderate": 0.25, "severe": 0.11}

#: What radiologists outline as cardiomegaly, in shares of the heart's height from the top: below the
#: great vessels and above what the diaphragm's domes overlie. Fitted to ChestX-Det's training part.
OUTLINED = (0.25, 0.85)

#: How the shape model's hearts enlarge: from a point in shares of their width and height (from the image's
#: left and from the top), in height by this power of the width's growth.
GROWS_FROM, GROWS_IN_HEIGHT = (0.36, 0.2), 0.75

#: Mean cardiothoracic ratio of the shape model's normal hearts.
NORMAL_RATIO = 0.448

#: Years: bodies grow until the first; the second stands for an age that is not told; beyond the third
#: there were none to learn from.
ADULT, AVERAGE_AGE, OLDEST = 18, 46, 85


def extend_behind_heart(contours: Contours, gap: tuple[float, float]) -> Contours:
    """Convert lungs that stop at the heart border: their medial border moves to the spine.

    ``gap``: distance from the midline to the right and left lung's medial border, as a fraction of
    the width of both lungs; measured on human masks of the other convention.
    """
    out = dict(contours)
    right, left = contours["right_lung"], contours["left_lung"]
    width = left[:, 0].max() - right[:, 0].min()
    midline = (right[37:42, 0].mean() + left[43:48, 0].mean()) / 2
    for name, x in (
        ("right_lung", midline - gap[0] * width),
        ("left_lung", midline + gap[1] * width),
    ):
        moved, medial = contours[name].copy(), _MEDIAL[name]
        limit = np.maximum if name == "right_lung" else np.minimum
        moved[medial, 0] = limit(moved[medial, 0], x)
        out[name] = moved
    return out


def to_lung_frame(contours: Contours) -> tuple[Contours, np.ndarray]:
    """Contours in the lung frame, and the frame: (x0, y0, width, height) in the input's unit."""
    lungs = np.concatenate([contours["right_lung"], contours["left_lung"]])
    origin = lungs.min(0)
    extent = lungs.max(0) - origin
    return {k: (v - origin) / extent for k, v in contours.items()}, np.concatenate([origin, extent])


def rasterise(contours: Contours, size: int) -> np.ndarray:
    """(5, size, size) bool masks of contours given in [0, 1] of the image."""
    out = np.zeros((len(ANATOMY), size, size), bool)
    for channel, name in enumerate(ANATOMY):
        points = contours[name] * size - 0.5
        rows, cols = polygon(points[:, 1], points[:, 0], (size, size))
        out[channel, rows, cols] = True
    return out


def split_lungs(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool of both lungs to (2, H, W): right and left, the two largest connected parts."""
    labels, count = ndimage.label(mask)
    if count < 2:
        half = np.arange(mask.shape[1]) < mask.shape[1] / 2
        return np.stack([mask & half, mask & ~half])
    areas = ndimage.sum(mask, labels, np.arange(1, count + 1))
    two = [labels == i + 1 for i in np.argsort(areas)[-2:]]
    two.sort(key=lambda part: float(np.nonzero(part)[1].mean()))
    return np.stack(two)


def lung_box(lungs: np.ndarray) -> tuple[float, float, float, float]:
    """Bounding box of a (H, W) bool mask: (x0, y0, width, height) in [0, 1] of the image."""
    if not lungs.any():
        return 0.0, 0.0, 1.0, 1.0
    ys, xs = np.flatnonzero(lungs.any(1)), np.flatnonzero(lungs.any(0))
    h, w = lungs.shape
    return xs[0] / w, ys[0] / h, (xs[-1] + 1 - xs[0]) / w, (ys[-1] + 1 - ys[0]) / h


def cardiothoracic_ratio(anatomy: np.ndarray) -> float:
    """Heart's width over the lungs' width, NaN when either is absent; (5, H, W) bool."""
    heart = anatomy[2].any(0)
    lungs = (anatomy[0] | anatomy[1]).any(0)
    if not heart.any() or not lungs.any():
        return float("nan")
    spans = [np.ptp(np.flatnonzero(line)) + 1 for line in (heart, lungs)]
    return float(spans[0] / spans[1])


def enlarged_outline(heart: np.ndarray) -> np.ndarray:
    """(H, W) bool: the part of a (H, W) bool heart that is the lesion mask of cardiomegaly."""
    rows = np.flatnonzero(heart.any(1))
    if not len(rows):
        return heart
    depth = (np.arange(len(heart)) + 0.5 - rows[0]) / (rows[-1] + 1 - rows[0])
    return heart & ((depth >= OUTLINED[0]) & (depth < OUTLINED[1]))[:, None]


def normal_heart(anatomy: np.ndarray) -> np.ndarray:
    """(H, W) bool: the heart of ``anatomy`` (5, H, W) bool, as at NORMAL_RATIO when it is larger."""
    heart = anatomy[2]
    ratio = cardiothoracic_ratio(anatomy)
    if not ratio > NORMAL_RATIO:
        return heart
    growth = ratio / NORMAL_RATIO
    sources = []
    for axis, by, start in ((1, growth**GROWS_IN_HEIGHT, GROWS_FROM[1]), (0, growth, GROWS_FROM[0])):
        span = np.flatnonzero(heart.any(axis))
        fixed = span[0] + start * (span[-1] - span[0])
        sources.append(np.round(fixed + (np.arange(heart.shape[1 - axis]) - fixed) * by).astype(int))
    rows, cols = (np.clip(s, 0, n - 1) for s, n in zip(sources, heart.shape, strict=True))
    return heart[np.ix_(rows, cols)]


def without_lesions(masks: MaskSet) -> MaskSet:
    """The same body without its lesions; a heart with cardiomegaly is of normal size."""
    anatomy = masks.anatomy
    if any(lesion.finding == "cardiomegaly" for lesion in masks.lesions):
        anatomy = anatomy.copy()
        anatomy[ANATOMY.index("heart")] = normal_heart(anatomy)
    return MaskSet(anatomy)


def regressors(who: Demographics) -> np.ndarray:
    """(5,): one, then sex, view, growth up to adulthood and years since, each 0 at the average or unknown."""
    age = AVERAGE_AGE if who.age is None else who.age
    male = {"M": 0.5, "F": -0.5}.get(who.sex or "", 0.0)
    ap = {"AP": 0.5, "PA": -0.5}.get(who.view or "", 0.0)
    growth = min(age, ADULT) / ADULT - 1
    ageing = (np.clip(age, ADULT, OLDEST) - AVERAGE_AGE) / (OLDEST - ADULT)
    return np.array([1.0, male, ap, growth, ageing])


@dataclass(frozen=True)
class ShapeModel:
    """Learned parameters (P lung coordinates, K components; H heart, C clavicle coordinates)."""

    lung_mean: np.ndarray  # (P,)
    lung_modes: np.ndarray  # (K, P), scaled to one standard deviation
    body_map: np.ndarray  # (5, K + 4): regressors to lung coefficients and centre x, y, log width, height
    body_modes: np.ndarray  # (K + 4, K + 4), scaled: what the regressors leave open
    heart_map: np.ndarray  # (K + 2, H): intercept, lung coefficients, log aspect
    heart_modes: np.ndarray  # (Kh, H), scaled
    heart_per_ratio: np.ndarray  # (H,) movement for one unit of cardiothoracic ratio
    ratio: np.ndarray  # (2,) mean and standard deviation of the normal cardiothoracic ratio
    clavicle_map: np.ndarray  # (K + 2, C)
    clavicle_modes: np.ndarray  # (Kc, C), scaled

    @classmethod
    def load(cls, folder: Path) -> "ShapeModel":
        """Read a checkpoint folder whose files match their pins; WeightsError says what is wrong."""
        tensors = read_tensors(folder)
        check_shapes(tensors, {"lung_modes": (None, None)}, folder / WEIGHTS)
        check_shapes(tensors, _shapes(len(tensors["lung_modes"])), folder / WEIGHTS)
        return cls(**{f.name: tensors[f.name].double().numpy() for f in fields(cls)})

    def sample(
        self,
        rng: np.random.Generator,
        cardiomegaly: Severity | None = None,
        who: Demographics = UNKNOWN,
    ) -> Contours:
        """Contours of one body in [0, 1] of the image, each (points, 2) as x, y.

        Without ``cardiomegaly`` the cardiothoracic ratio stays below 0.5, in every view.
        """
        draw = _truncated(rng, 2.0)
        body = regressors(who) @ self.body_map + draw(len(self.body_modes)) @ self.body_modes
        shape, pose = np.split(body, [len(self.lung_modes)])
        predictors = np.concatenate([[1.0], shape, [pose[2] - pose[3]]])
        lungs = (self.lung_mean + shape @ self.lung_modes).reshape(-1, 2)
        heart = predictors @ self.heart_map + draw(len(self.heart_modes)) @ self.heart_modes
        heart = self._with_ratio(heart, self._target_ratio(rng, cardiomegaly)).reshape(-1, 2)
        clavicles = predictors @ self.clavicle_map + draw(len(self.clavicle_modes)) @ self.clavicle_modes
        parts = np.split(np.concatenate([lungs, heart, clavicles.reshape(-1, 2)]), np.cumsum(POINTS)[:-1])
        framed, _ = to_lung_frame(dict(zip(ANATOMY, parts, strict=True)))
        extent = np.exp(pose[2:])
        return {k: (v - 0.5) * extent + pose[:2] for k, v in framed.items()}

    def masks(
        self,
        rng: np.random.Generator,
        size: int,
        cardiomegaly: Severity | None = None,
        who: Demographics = UNKNOWN,
    ) -> np.ndarray:
        """(5, size, size) bool of one sampled body."""
        return rasterise(self.sample(rng, cardiomegaly, who), size)

    def _target_ratio(self, rng: np.random.Generator, cardiomegaly: Severity | None) -> float:
        if cardiomegaly is not None:
            return float(rng.uniform(*ENLARGED[cardiomegaly]))
        mean, deviation = self.ratio
        return float(np.clip(rng.normal(mean, deviation), mean - 2 * deviation, 0.495))

    def _with_ratio(self, heart: np.ndarray, ratio: float) -> np.ndarray:
        for _ in range(3):  # width is a maximum over points, so the linear step needs repeating
            heart = heart + (ratio - np.ptp(heart[::2])) * self.heart_per_ratio
        return heart


def _shapes(modes: int) -> dict[str, tuple[int | None, ...]]:
    """The shapes of a shape model's tensors with so many modes of the lungs."""
    lungs, heart, clavicles = (2 * sum(points) for points in (POINTS[:2], POINTS[2:3], POINTS[3:]))
    return {
        "lung_mean": (lungs,),
        "lung_modes": (modes, lungs),
        "body_map": (len(regressors(UNKNOWN)), modes + 4),
        "body_modes": (modes + 4, modes + 4),
        "heart_map": (modes + 2, heart),
        "heart_modes": (None, heart),
        "heart_per_ratio": (heart,),
        "ratio": (2,),
        "clavicle_map": (modes + 2, clavicles),
        "clavicle_modes": (None, clavicles),
    }


def _truncated(rng: np.random.Generator, limit: float):
    """Standard normal draws folded back into ±limit, so that no shape is implausible."""
    return lambda n: np.clip(rng.standard_normal(n), -limit, limit)
