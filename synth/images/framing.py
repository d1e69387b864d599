"""A radiograph as the models see it, and the way back to its own frame and grey scale."""

from dataclasses import dataclass

import numpy as np

from synth.images.radiographs import Exposure, border_box, crop, to_uint8, uncrop

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Framed:
    """A square radiograph, ``source`` (S, S) float32 in [0, 1], brighter is denser, and what models see.

    Collimator edges are cut and the exposure is normalised, as in all trainings: ``box`` is what is left of
    the source (x0, y0, x1, y1 in shares of its sides), ``seen`` (S, S) uint8.
    """

    source: np.ndarray
    box: Box
    exposure: Exposure
    seen: np.ndarray

    @classmethod
    def of(cls, source: np.ndarray) -> "Framed":
        """Frame a radiograph (S, S) in [0, 1]."""
        box = border_box(source)
        inside = crop(source, box)
        exposure = Exposure.of(inside)
        return cls(source, box, exposure, to_uint8(exposure.normalise(inside)))

    def restore(self, edited: np.ndarray) -> np.ndarray:
        """An edit of ``seen`` (S, S) uint8 in the source's frame and grey scale: float32 in [0, 1].

        What is carried over is the change, so that an edit that changes nothing gives the source.
        """
        before, after = (self.exposure.restore(x.astype(np.float32) / 255) for x in (self.seen, edited))
        return np.clip(self.source + uncrop(after - before, self.box), 0, 1)

    def restore_mask(self, mask: np.ndarray) -> np.ndarray:
        """A mask (S, S) bool on ``seen`` in the source's frame."""
        return uncrop(mask.astype(np.uint8), self.box, order=0).astype(bool)

    def mask_of(self, mask: np.ndarray) -> np.ndarray:
        """A mask (S, S) bool of the source, as it lies on ``seen``."""
        return crop(mask.astype(np.uint8), self.box, order=0).astype(bool)
