"""What every lesion is drawn with: the scene, Beer-Lambert attenuation, soft edges, textures.

Brightness x in [0, 1] stands for attenuation on film, so 1 - x for what was transmitted; a lesion of
optical thickness τ leaves (1 - x)·exp(-τ) of it (Beer-Lambert). τ below 0 is air for tissue: of x it leaves
exp(AIR·τ), never nothing, for the wall before and behind attenuates as it did.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Scene:
    """A real radiograph that lesions are drawn into, or a window of one.

    ``image`` (H, W) float in [0, 1]; ``anatomy`` (5, H, W) bool; ``film``: the whole one of a window.
    """

    image: np.ndarray
    anatomy: np.ndarray
    film: "Scene | None" = None

    @property
    def lungs(self) -> np.ndarray:
        """(H, W) bool."""
        return self.anatomy[0] | self.anatomy[1]

    def window(self, rows: slice, columns: slice) -> "Scene":
        """A part of it that keeps the whole film's ``scale`` and ``tissue``."""
        return Scene(self.image[rows, columns], self.anatomy[:, rows, columns], self.film or self)

    @property
    def scale(self) -> float:
        """Pixels in a hundredth of the film's side."""
        return (self.film or self).image.shape[0] / 100

    @property
    def tissue(self) -> float:
        """Optical thickness that makes aerated lung as dense as the heart, at least 0.3.

        Without a heart or lung of its own in sight, 1.
        """
        if self.film is not None:
            return self.film.tissue
        heart = self.anatomy[2]
        aerated = self.lungs & ~heart
        if not heart.any() or not aerated.any():
            return 1.0
        lung, solid = (float(np.median(self.image[m])) for m in (aerated, heart))
        return max(0.3, float(np.log(max(1 - lung, 1e-2) / max(1 - solid, 0.08))))


#: How much air that takes tissue's place counts: then it darkens lung of a third of full brightness as much
#: as tissue of the same thickness would brighten it.
AIR = 2.0

Renderer = Callable[[Scene, np.ndarray, float, np.random.Generator], np.ndarray]


def attenuate(image: np.ndarray, thickness: np.ndarray) -> np.ndarray:
    """Beer-Lambert: add optical ``thickness`` (H, W) to an image in [0, 1], of air where it is below 0."""
    return (1 - (1 - image) * np.exp(-np.maximum(thickness, 0))) * np.exp(AIR * np.minimum(thickness, 0))


def soft(mask: np.ndarray, width: float) -> np.ndarray:
    """A mask as (H, W) float in [0, 1] with an edge of about ``width`` pixels."""
    return ndimage.gaussian_filter(mask.astype(np.float32), width)


def radius(mask: np.ndarray) -> float:
    """Of the largest disc inside a mask, in pixels, at least 1."""
    return max(1.0, float(ndimage.distance_transform_edt(mask).max()))


def cloud(
    shape: tuple[int, int], finest: float, rng: np.random.Generator, octaves: int = 4, stretch: float = 1.0
) -> np.ndarray:
    """Smooth random texture, zero mean and unit variance, with power at several scales.

    ``finest`` in pixels; ``stretch`` makes it longer along x than along y.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        widths = finest * 2**octave * np.array([1, stretch])
        noise = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), widths)
        total += noise / (noise.std() + 1e-6) * 1.4**octave
    return total / total.std()


def ridges(field: np.ndarray, width: float) -> np.ndarray:
    """Curved lines in [0, 1] where a zero-mean texture crosses zero; ``width`` in its deviations."""
    return np.exp(-((field / width) ** 2))


def veil(image: np.ndarray, cover: np.ndarray, width: float, share: float) -> np.ndarray:
    """Drown fine detail (vessels) under ``cover`` (H, W) in [0, 1]: blend towards a blurred image."""
    return image + np.clip(cover, 0, 1) * share * (ndimage.gaussian_filter(image, width) - image)


def own_side(scene: Scene, mask: np.ndarray) -> int:
    """The channel of the lung that a mask lies in: 0, the right one, or 1."""
    right, left = scene.anatomy[0], scene.anatomy[1]
    return int((mask & right).sum() < (mask & left).sum())


def own_lung(scene: Scene, mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: the lung that a mask lies in."""
    return scene.anatomy[own_side(scene, mask)]


def long_axis(mask: np.ndarray) -> tuple[float, float]:
    """Angle of a mask's long axis against x in radians, and how much longer it is than wide."""
    ys, xs = np.nonzero(mask)
    if len(ys) < 3:
        return 0.0, 1.0
    values, vectors = np.linalg.eigh(np.cov(np.stack([xs, ys]).astype(float)) + 0.05 * np.eye(2))
    return float(np.arctan2(vectors[1, 1], vectors[0, 1])), float(np.sqrt(values[1] / values[0]))
