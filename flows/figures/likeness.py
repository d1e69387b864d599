"""Figures of generated against real films in one feature space, each with interval and floor.

A Fréchet distance falls with the number of films, coverage rises: so all samples of one comparison have one
size n, at most half of the real films, that real halves can have too. Each figure is the mean over draws of n
generated films against one half of the real ones; the floor is that half against the other half, by patient.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flows.figures.distances import NEIGHBOURS, Products, frechet_of, kernel_distance, neighbourhoods
from flows.figures.fidelity import Clouds, halves, two_sample_scores
from flows.figures.ranking import auroc
from flows.figures.resampling import Estimate, around, multiplicities

#: What a comparison tells, in order, and between what each lies.
BOUNDS = {
    "fd": (0.0, np.inf),
    "kid": (-np.inf, np.inf),
    "precision": (0.0, 1.0),
    "recall": (0.0, 1.0),
    "density": (0.0, np.inf),
    "coverage": (0.0, 1.0),
}
#: Draws of halves; fewer where samples are large, as each then says more and takes longer.
DRAWS, FEWEST_DRAWS, FILMS_DRAWN = 200, 40, 40_000
#: Halves whose usual size is taken.
HALVES = 31
#: Different films that a draw has at least: fewer have no neighbourhoods.
LEAST = NEIGHBOURS + 1
#: The two-sample test: its draws, how often the films of each are drawn anew, and the axes it is given.
TESTS, ANEW, AXES = 8, 50, 64


@dataclass(frozen=True)
class Draw:
    """Indices of n films each: one half of the real ones, films of the other half, generated ones."""

    half: np.ndarray
    other: np.ndarray
    generated: np.ndarray


def comparable(clouds: Clouds) -> int:
    """How many films a side can be compared: no more than there are generated ones, or a usual half of the
    real ones has."""
    rng = np.random.default_rng(0)
    sides = [min(map(len, halves(clouds.patients, rng))) for _ in range(HALVES)]
    return min(len(clouds.generated), int(np.median(sides)))


def draws(clouds: Clouds, count: int, rng: np.random.Generator) -> Iterator[Draw]:
    """``count`` random ones of the size that is comparable, or a tenth fewer, for patients stay whole.

    Halves that a patient with many films makes smaller are drawn again.
    """
    size = comparable(clouds)
    while count:
        sides = [rng.permutation(side) for side in halves(clouds.patients, rng)]
        n = min(size, *map(len, sides))
        if n >= 0.9 * size:
            count -= 1
            yield Draw(sides[0][:n], sides[1][:n], rng.permutation(len(clouds.generated))[:n])


def likeness(clouds: Clouds, seed: int = 0, count: int | None = None) -> dict[str, Estimate]:
    """Every figure of BOUNDS. Generated films are drawn anew one by one, real ones by patient."""
    rng, size, table = np.random.default_rng(seed), comparable(clouds), _table(clouds)
    count = count or max(FEWEST_DRAWS, min(DRAWS, FILMS_DRAWN // size))
    values, floors, departures = [], [], []
    for draw in draws(clouds, count, rng):
        pair = _pair(clouds, table, draw.half, draw.generated)
        anew = [multiplicities(owners, rng, LEAST) for owners in (clouds.patients[draw.half], draw.generated)]
        values.append(_figures(pair))
        departures.append(_figures(pair, *anew) - values[-1])
        other = Products.within(table, draw.half, draw.other, pair.dimensions)
        floors.append(_figures(other))
    return _estimates(clouds, np.array(values), np.array(floors), np.array(departures), size)


def whole_likeness(clouds: Clouds, seed: int = 0, count: int = FEWEST_DRAWS) -> dict[str, Estimate]:
    """As :func:`likeness` of all generated against all real films at once, however many; the floor is still
    of halves, and so of fewer films."""
    rng, table = np.random.default_rng(seed), _table(clouds)
    each = np.arange(len(clouds.generated))
    pair = _pair(clouds, table, np.arange(len(clouds.real)), each)
    value = _figures(pair)
    anew = [
        _figures(pair, *(multiplicities(owners, rng, LEAST) for owners in (clouds.patients, each)))
        for _ in range(count)
    ]
    halved = [Products.within(table, d.half, d.other, pair.dimensions) for d in draws(clouds, count, rng)]
    floors = np.array([_figures(p) for p in halved])
    size = min(len(clouds.real), len(clouds.generated))
    return _estimates(clouds, value[None], floors, np.array(anew) - value, size)


def told_apart(clouds: Clouds, seed: int = 0) -> Estimate:
    """AUROC of a classifier that tells generated from real films (:func:`two_sample_scores`), given the
    first AXES principal axes of both together; its floor tells two halves of the real films apart."""
    rng, size = np.random.default_rng(seed), comparable(clouds)
    points = _axes(np.concatenate([clouds.real, clouds.generated]), min(AXES, size // 2))
    real, generated = points[: len(clouds.real)], points[len(clouds.real) :]
    values, floors, departures = [], [], []
    for draw in draws(clouds, TESTS, rng):
        names = clouds.patients[draw.half].astype(str)
        owners = np.concatenate([names, [f"generated {i}" for i in draw.generated]])
        value, anew = _test(real[draw.half], generated[draw.generated], owners, rng)
        owners = np.concatenate([names, clouds.patients[draw.other].astype(str)])
        values.append(value)
        departures.append(anew)
        floors.append(_test(real[draw.half], real[draw.other], owners, rng)[0])
    low, high = around(float(np.mean(values)), np.concatenate(departures), 0, 1)
    return Estimate(float(np.mean(values)), low, high, float(np.mean(floors)), _counts(clouds, size))


def _test(
    a: np.ndarray, b: np.ndarray, owners: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """The AUROC, and by how much it departs where owners are drawn anew, the classifier left as it is."""
    scores = two_sample_scores(a, b, owners)
    truth = np.repeat([False, True], [len(a), len(b)])
    value = auroc(scores, truth)
    anew = [
        auroc(np.repeat(scores, w), np.repeat(truth, w))
        for w in (multiplicities(owners, rng) for _ in range(ANEW))
    ]
    return value, np.array(anew) - value


def _axes(points: np.ndarray, dimensions: int) -> np.ndarray:
    centred = points - points.mean(0, dtype=float)
    left, scales, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :dimensions] * scales[:dimensions]


def _table(clouds: Clouds) -> np.ndarray:
    """Products of all points, the real ones first."""
    points = np.concatenate([clouds.real, clouds.generated]).astype(float)
    return points @ points.T


def _pair(clouds: Clouds, table: np.ndarray, real: np.ndarray, generated: np.ndarray) -> Products:
    return Products.within(table, real, len(clouds.real) + generated, clouds.real.shape[1])


def _figures(pair: Products, wr: np.ndarray | None = None, wg: np.ndarray | None = None) -> np.ndarray:
    near = neighbourhoods(pair, wr, wg)
    distances = frechet_of(pair, wr, wg), kernel_distance(pair, wr, wg)
    return np.array([*distances, near.precision, near.recall, near.density, near.coverage])


def _estimates(
    clouds: Clouds, values: np.ndarray, floors: np.ndarray, departures: np.ndarray, size: int
) -> dict[str, Estimate]:
    out = {}
    columns = zip(BOUNDS.items(), values.T, floors.T, departures.T, strict=True)
    for (name, bounds), value, floor, departure in columns:
        mean = float(value.mean())
        low, high = around(mean, departure, *bounds)
        out[name] = Estimate(mean, low, high, float(floor.mean()), _counts(clouds, size))
    return out


def _counts(clouds: Clouds, size: int) -> dict[str, int]:
    return {
        "generated": len(clouds.generated),
        "real": len(clouds.real),
        "patients": len(np.unique(clouds.patients)),
        "compared": size,
    }
