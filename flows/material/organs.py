"""Hearts and clavicles of real radiographs that only have lung masks.

The landmark data has contours without images, the lung data images with lung masks alone. A
regression from the lungs' shape gives the expected heart and clavicles; their residual modes are
then moved to where the image shows their edges (active shape search, Cootes et al., 1995), here by
the cross-entropy method (Rubinstein, 1999).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synth.findings import ANATOMY
from synth.masks.anatomy import POINTS, Contours, lung_box, rasterise, to_lung_frame

GRID, FEATURES, RIDGE = 24, 24, 3e-2
ORGANS = {"heart": ANATOMY[2:3], "clavicles": ANATOMY[3:]}


@dataclass(frozen=True)
class LungSeer:
    """Expected organs from a lung mask, and the modes in which they differ from it."""

    mean: np.ndarray
    basis: np.ndarray
    maps: dict[str, np.ndarray]
    modes: dict[str, np.ndarray]

    @classmethod
    def fit(cls, cases: list[Contours], modes: int = 8) -> "LungSeer":
        """Learn from contours whose lungs run behind the heart."""
        features = np.stack([_features(rasterise(with_organs(c), 96)[:2]) for c in cases])
        mean = features.mean(0)
        basis = np.linalg.svd(features - mean, full_matrices=False)[2][:FEATURES]
        codes = (features - mean) @ basis.T
        codes = np.column_stack([np.ones(len(codes)), codes])
        maps, spread = {}, {}
        for organ, names in ORGANS.items():
            has = np.array([names[0] in c for c in cases])
            framed = [to_lung_frame(c)[0] for c in cases if names[0] in c]
            target = np.stack([np.concatenate([c[n] for n in names]).ravel() for c in framed])
            x = codes[has]
            penalty = RIDGE * len(x) * np.eye(x.shape[1])
            penalty[0, 0] = 0
            maps[organ] = np.linalg.solve(x.T @ x + penalty, x.T @ target)
            rest = target - x @ maps[organ]
            _, scales, axes = np.linalg.svd(rest - rest.mean(0), full_matrices=False)
            spread[organ] = axes[:modes] * scales[:modes, None] / np.sqrt(len(rest))
        return cls(mean, basis, maps, spread)

    def expect(self, lungs: np.ndarray) -> Contours:
        """Organs' contours in [0, 1] of the image, from the (2, H, W) lung mask alone."""
        code = self.code(lungs)
        frame = lung_box(lungs[0] | lungs[1])
        return {
            name: points
            for organ in ORGANS
            for name, points in _unframe(organ, code @ self.maps[organ], frame).items()
        }

    def search(self, image: np.ndarray, lungs: np.ndarray, rng: np.random.Generator) -> Contours:
        """Organs' contours moved to their edges in ``image`` ((H, W) in [0, 1])."""
        code, frame = self.code(lungs), lung_box(lungs[0] | lungs[1])
        smooth = ndimage.gaussian_filter(image, image.shape[0] / 256)
        out: Contours = {}
        for organ in ORGANS:
            base, modes = code @ self.maps[organ], self.modes[organ]
            best = _cross_entropy(
                lambda c, base=base, modes=modes, organ=organ: _edge_score(
                    smooth, base + c @ modes, frame, organ
                ),
                len(modes),
                rng,
            )
            out |= _unframe(organ, base + best @ modes, frame)
        return out

    def code(self, lungs: np.ndarray) -> np.ndarray:
        """(1 + FEATURES,): one, and the (2, H, W) lung mask's principal coefficients."""
        return np.concatenate([[1.0], (_features(lungs) - self.mean) @ self.basis.T])


def _features(lungs: np.ndarray) -> np.ndarray:
    """Both lungs resampled in their frame, with its aspect: (2·GRID² + 1,)."""
    x0, y0, width, height = lung_box(lungs[0] | lungs[1])
    n = lungs.shape[-1]
    at = (np.arange(GRID) + 0.5) / GRID
    ys, xs = np.meshgrid((y0 + at * height) * n - 0.5, (x0 + at * width) * n - 0.5, indexing="ij")
    soft = [
        ndimage.map_coordinates(ndimage.gaussian_filter(m.astype(np.float32), n / 96), (ys, xs), order=1)
        for m in lungs
    ]
    return np.concatenate([np.ravel(soft), [5 * np.log(width / height)]])


def with_organs(contours: Contours) -> Contours:
    """Contours with nothing where an organ was not outlined, so that they can be rasterised."""
    empty = np.zeros((3, 2))
    return {n: contours.get(n, empty) for n in ANATOMY}


def _unframe(organ: str, flat: np.ndarray, frame: tuple[float, ...]) -> Contours:
    points = flat.reshape(-1, 2) * frame[2:] + frame[:2]
    names = ORGANS[organ]
    sizes = [POINTS[ANATOMY.index(n)] for n in names]
    return dict(zip(names, np.split(points, np.cumsum(sizes)[:-1]), strict=True))


def _edge_score(image: np.ndarray, flat: np.ndarray, frame: tuple[float, ...], organ: str) -> np.ndarray:
    """(M,) mean brightness just inside minus just outside each of M candidate contours (M, 2P)."""
    size = image.shape[0]
    points = flat.reshape(len(flat), -1, 2) * frame[2:] + frame[:2]
    sizes = [POINTS[ANATOMY.index(n)] for n in ORGANS[organ]]
    total = np.zeros(len(flat))
    reach = size * (0.02 if organ == "heart" else 0.012)
    for part in np.split(points, np.cumsum(sizes)[:-1], axis=1):
        pixels = part * size - 0.5
        tangent = np.roll(pixels, -1, 1) - np.roll(pixels, 1, 1)
        normal = np.stack([tangent[..., 1], -tangent[..., 0]], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-6
        outward = np.sign(((pixels - pixels.mean(1, keepdims=True)) * normal).sum(-1, keepdims=True))
        normal = normal * outward
        steps = [
            ndimage.map_coordinates(
                image,
                (pixels + k * reach * normal).transpose(2, 0, 1)[::-1],
                order=1,
                mode="nearest",
            )
            for k in (-1.5, -0.75, 0.75, 1.5)
        ]
        total += ((steps[0] + steps[1] - steps[2] - steps[3]) / 2).mean(1)
    return total


def _cross_entropy(score, modes: int, rng: np.random.Generator, rounds: int = 6) -> np.ndarray:
    """Mode coefficients that score best under a standard normal prior."""
    mean, spread = np.zeros(modes), np.ones(modes)
    for _ in range(rounds):
        tries = mean + spread * rng.standard_normal((300, modes))
        values = score(tries) - 0.004 * (tries**2).sum(1)
        elite = tries[np.argsort(values)[-30:]]
        mean, spread = elite.mean(0), elite.std(0) + 0.02
    return np.clip(mean, -2.5, 2.5)
