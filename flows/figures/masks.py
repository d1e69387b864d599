"""Generated pseudo-masks against ChestX-Det's annotations held out of training.

**Prompts**: the findings of a random annotated image of the training part, so that single and joint
frequencies are real; sides and zones as measured (:mod:`synth.prompts.places`), severity left open as label
tables leave it. Each is drawn on a body of its own from the shape model. **Real**: every annotated image
whose part is not ``train``, on the body that :mod:`flows.material.chestxdet` laid it on.

**Distance**: each instance is three numbers in the lung frame, area as a share of the frame's box and its
centroid's x and y. A real set of n images with a finding is split in random halves of n/2 images; the
floor is the mean 1-D Wasserstein distance between two halves' instances. The generated distance is the
mean between one such half and n/2 random generated images with the finding: all samples are of the same
size, since the distance shrinks with it. Both are means over DRAWS draws, in standard deviations of the real
instances. A finding fits when generated / floor is at most CLOSE for area, x and y alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import wasserstein_distance

from flows.material.chestxdet import Annotation, load_annotations, load_bodies, polygon_mask
from synth.cases import FindingRequest, MaskSet
from synth.findings import FINDING_NAMES, FINDINGS
from synth.generate import Synthesizer
from synth.masks.anatomy import ShapeModel, lung_box, rasterise
from synth.masks.generator import MaskGenerator, draw_body
from synth.masks.lesion_sets import SIDES, ZONES, side_of, zone_of
from synth.prompts.places import draw_requests
from synth.weights import SHIPPED

#: Pixels of the grid, random splits per finding, and the ratio to the floor that still fits.
SIZE, DRAWS, CLOSE = 256, 200, 1.5
MEASURES = ("area", "x", "y")
#: Samples of one prompt are compared pairwise on this many prompts.
PAIRS = 200


@dataclass(frozen=True)
class Places:
    """Instances of one finding in one image: ``values`` (K, 3) area, x, y in the lung frame;
    ``inside`` (K,) each one's share of area in the lungs.
    """

    values: np.ndarray
    inside: np.ndarray


Image = dict[str, Places]


def mask_figures(
    maker: Synthesizer | MaskGenerator, data: Path, prompts: int = 2000, seed: int = 0
) -> dict[str, object]:
    """All figures of the pseudo-masks over ``prompts`` cases; ``data`` is laid out like shared/data."""
    generator = maker if isinstance(maker, MaskGenerator) else maker.masker
    shape = ShapeModel.load(SHIPPED / "shape") if isinstance(maker, MaskGenerator) else maker.shape
    bodies = load_bodies(data)
    annotations = load_annotations(data, bodies)
    held = [a for a in annotations if a.part != "train"]
    real = [real_places(a, bodies[a.body]) for a in held]
    rng = np.random.default_rng(seed)
    asked = draw_prompts([a for a in annotations if a.part == "train"], prompts, rng)
    drawn = [draw(generator, shape, requests, rng) for requests in asked]
    made = [made_places(m) for m in drawn]
    fits = {n: distances(real, made, n, rng) for n in FINDING_NAMES}
    return {
        "prompts": prompts,
        "held_out_images": len(real),
        "splits": DRAWS,
        "findings_that_fit": sum(max(v["ratio"].values()) <= CLOSE for v in fits.values()),
        "distances": fits,
        "co_occurrence_correlation": _short(co_occurrence(real, made)),
        **obedience(asked, drawn),
        "inside_lungs": inside_lungs(real, made),
        "same_prompt_iou": _short(same_prompt_iou(generator, shape, asked, rng)),
    }


def draw_prompts(
    annotations: Sequence[Annotation], count: int, rng: np.random.Generator
) -> list[tuple[FindingRequest, ...]]:
    """Requests without severity for ``count`` cases, each with the findings of a random image."""
    sets = [sorted({i.finding for i in a.instances}) for a in annotations]
    drawn = (draw_requests(sets[int(rng.integers(len(sets)))], rng) for _ in range(count))
    return [tuple(replace(r, severity=None) for r in requests) for requests in drawn]


def draw(
    generator: MaskGenerator, shape: ShapeModel, requests: Sequence[FindingRequest], rng: np.random.Generator
) -> MaskSet:
    """Masks on a new body, its heart enlarged when asked for, as builds do."""
    body = draw_body(shape, requests, SIZE, rng)
    return generator.sample(requests, body, rng)


def real_places(annotation: Annotation, body: dict[str, np.ndarray]) -> Image:
    """The annotated instances on the grid of their body."""
    lungs = np.asarray(rasterise(body, SIZE)[:2].any(0))
    frame = np.array(lung_box(lungs))
    masks: dict[str, list[np.ndarray]] = {}
    for instance in annotation.instances:
        points = instance.polygon * frame[2:] + frame[:2]
        masks.setdefault(instance.finding, []).append(polygon_mask(points, SIZE))
    return _places(masks, lungs)


def made_places(masks: MaskSet) -> Image:
    """The same numbers of generated instances."""
    found: dict[str, list[np.ndarray]] = {}
    for lesion in masks.lesions:
        found.setdefault(lesion.finding, []).append(lesion.mask)
    return _places(found, masks.lungs)


def _places(masks: dict[str, list[np.ndarray]], lungs: np.ndarray) -> Image:
    x0, y0, width, height = lung_box(lungs)
    out = {}
    for name, several in masks.items():
        rows, inside = [], []
        for mask in several:
            ys, xs = np.nonzero(mask)
            if not len(xs):
                continue  # thinner than a pixel
            x, y = (xs.mean() + 0.5) / SIZE, (ys.mean() + 0.5) / SIZE
            rows.append((len(xs) / SIZE**2 / (width * height), (x - x0) / width, (y - y0) / height))
            inside.append((mask & lungs).sum() / len(xs))
        if rows:
            out[name] = Places(np.array(rows), np.array(inside))
    return out


def distances(
    real: Sequence[Image], made: Sequence[Image], name: str, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """``made`` and ``floor`` per measure in deviations of the real, their ``ratio``, and counts."""
    theirs = [i[name].values for i in real if name in i]
    ours = [i[name].values for i in made if name in i]
    half = len(theirs) // 2
    spread = np.concatenate(theirs).std(0)
    apart, floor = np.zeros((DRAWS, 3)), np.zeros((DRAWS, 3))
    for k in range(DRAWS):
        order = rng.permutation(len(theirs))
        chosen = rng.choice(len(ours), min(half, len(ours)), replace=False)
        first = np.concatenate([theirs[i] for i in order[:half]])
        second = np.concatenate([theirs[i] for i in order[half : 2 * half]])
        third = np.concatenate([ours[i] for i in chosen])
        for m in range(3):
            floor[k, m] = wasserstein_distance(first[:, m], second[:, m])
            apart[k, m] = wasserstein_distance(first[:, m], third[:, m])

    def named(values: np.ndarray) -> dict[str, float]:
        return {m: _short(v) for m, v in zip(MEASURES, values, strict=True)}

    return {
        "ratio": named(apart.mean(0) / floor.mean(0)),
        "made": named(apart.mean(0) / spread),
        "floor": named(floor.mean(0) / spread),
        "images": {"real": len(theirs), "made": len(ours)},
    }


def co_occurrence(real: Sequence[Image], made: Sequence[Image]) -> float:
    """Pearson correlation, over the 78 pairs of findings, of the share of images that show both."""
    upper = np.triu_indices(len(FINDING_NAMES), 1)
    shares = []
    for images in (real, made):
        shown = np.array([[n in i for n in FINDING_NAMES] for i in images], float)
        shares.append((shown.T @ shown / len(shown))[upper])
    return float(np.corrcoef(*shares)[0, 1])


def obedience(asked: Sequence[Sequence[FindingRequest]], drawn: Sequence[MaskSet]) -> dict[str, object]:
    """Shares of requests that are drawn at all, on the prompted side, and in the prompted zone.

    The union's centroid decides; a bilateral request needs area on both sides. What was not drawn
    is neither on its side nor in its zone.
    """
    there, sides, zones = [], [], []
    for requests, masks in zip(asked, drawn, strict=True):
        channels = masks.lesion_channels()
        x0, y0, width, height = lung_box(masks.lungs)
        for r in requests:
            ys, xs = np.nonzero(channels[FINDING_NAMES.index(r.name)])
            there.append(len(xs) > 0)
            x, y = ((xs + 0.5) / SIZE - x0) / width, ((ys + 0.5) / SIZE - y0) / height
            if r.side == "bilateral":
                sides.append(len(x) > 0 and x.min() < 0.5 <= x.max())
            elif r.side is not None:
                sides.append(len(x) > 0 and side_of(x.mean()) == SIDES.index(r.side))
            if r.zone is not None:
                zones.append(len(y) > 0 and zone_of(y.mean()) == ZONES.index(r.zone))
    return {
        "requests": {"all": len(there), "with_side": len(sides), "with_zone": len(zones)},
        "drawn": _short(float(np.mean(there))),
        "side_right": _short(float(np.mean(sides))),
        "zone_right": _short(float(np.mean(zones))),
    }


def inside_lungs(real: Sequence[Image], made: Sequence[Image]) -> dict[str, object]:
    """Area inside the lungs, of findings of the lungs and the pleura: mean and 5th percentile."""
    out: dict[str, object] = {}
    for label, images in (("real", real), ("made", made)):
        values = np.concatenate(
            [p.inside for i in images for n, p in i.items() if FINDINGS[n].region in ("lungs", "pleura")]
        )
        out[label] = {"mean": _short(values.mean()), "5th_percentile": _short(np.percentile(values, 5))}
    return out


def same_prompt_iou(
    generator: MaskGenerator,
    shape: ShapeModel,
    asked: Sequence[Sequence[FindingRequest]],
    rng: np.random.Generator,
) -> float:
    """Mean IoU of the lesions of two samples of one prompt on one body; the heart is left out,
    since it belongs to the body.
    """
    overlaps = []
    for requests in asked[:PAIRS]:
        lesions = [r for r in requests if r.name != "cardiomegaly"]
        if not lesions:
            continue
        body = shape.masks(rng, SIZE)
        a, b = (generator.sample(lesions, body, rng).lesion_channels() for _ in range(2))
        overlaps.append((a & b).sum() / max(1, (a | b).sum()))
    return float(np.mean(overlaps))


def _short(value: float) -> float:
    return round(float(value), 4)
