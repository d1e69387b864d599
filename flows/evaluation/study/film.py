"""A film of a study: its picture, where it is from, what is known to be on it, and what is drawn over it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from skimage.measure import approximate_polygon, find_contours

from filters.experts.evaluators import load_lung_evaluator
from flows.material.trained import unmarked
from synth.findings import ANATOMY

Kind = Literal["synthetic", "real"]

#: Overlays are drawn in a square of so many units a side.
UNITS = 1000
#: How far, in pixels, an outline may run beside the mask's own.
_TOLERANCE = 0.4


@dataclass(frozen=True)
class Overlay:
    """What is drawn over a film for one finding: ``path`` as SVG has it, in UNITS of the film's sides."""

    finding: str
    path: str


@dataclass(frozen=True)
class Film:
    """``image`` (S, S) uint8. ``source``: a build's key or a file's name; ``patient`` of a real one.

    ``shows`` and ``lacks`` are the findings that are known to be on it and known not to be: of a synthetic
    film those drawn and those not asked for, of a real one those that its labels name or do not.
    """

    kind: Kind
    source: str
    image: np.ndarray = field(repr=False)
    shows: frozenset[str]
    lacks: frozenset[str]
    overlays: tuple[Overlay, ...] = ()
    patient: str = ""
    #: What a real film is chosen by, so that both kinds are alike: any finding at all, view, age.
    abnormal: bool = False
    view: str = ""
    age: int | None = None


def outline(mask: np.ndarray) -> str:
    """The path around an (S, S) bool mask; what touches the film's edge is closed along it."""
    scale = UNITS / mask.shape[0]
    lines = find_contours(np.pad(mask, 1).astype(float), 0.5)
    rings = (approximate_polygon(line, _TOLERANCE)[:-1] for line in lines)
    return "".join(_ring(((x - 0.5) * scale, (y - 0.5) * scale) for y, x in ring) for ring in rings)


def boxes(corners: Iterable[tuple[float, float, float, float]]) -> str:
    """The path around boxes x0, y0, x1, y1, in [0, 1] of the film."""
    rings = (((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, y0, x1, y1 in corners)
    return "".join(_ring((x * UNITS, y * UNITS) for x, y in ring) for ring in rings)


def _ring(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points) + "Z"


def without_letters(images: np.ndarray) -> np.ndarray:
    """Films (N, S, S) uint8 with the letters beside the chest gone: a marker tells that a film is real.

    One on which no lungs are found stays as it is.
    """
    out = images.copy()
    for i, opinion in enumerate(load_lung_evaluator().look(images)):
        right, left = (opinion.mask(name) for name in ANATOMY[:2])
        if right is not None and left is not None and (right | left).any():
            out[i] = unmarked(images[i : i + 1], np.stack([right, left])[None])[0]
    return out


def known(film: Film) -> dict[str, Any]:
    """What the key keeps of a film."""
    return {
        "kind": film.kind,
        "source": film.source,
        "patient": film.patient,
        "shows": sorted(film.shows),
        "lacks": sorted(film.lacks),
        "overlays": sorted(overlay.finding for overlay in film.overlays),
    }
