"""A schematic body for tests that need anatomy but no checkpoint."""

import numpy as np

from synth.findings import ANATOMY


def schematic_body(size: int = 128) -> np.ndarray:
    """(5, size, size) bool: ellipses for lungs and heart, bars for clavicles."""
    ys, xs = (np.mgrid[:size, :size] + 0.5) / size

    def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
        return ((xs - x) / rx) ** 2 + ((ys - y) / ry) ** 2 < 1

    out = np.zeros((len(ANATOMY), size, size), bool)
    out[0], out[1] = ellipse(0.3, 0.45, 0.16, 0.32), ellipse(0.7, 0.45, 0.16, 0.32)
    out[2] = ellipse(0.53, 0.6, 0.15, 0.13)
    out[3] = (abs(ys - 0.18) < 0.02) & (abs(xs - 0.32) < 0.1)
    out[4] = (abs(ys - 0.18) < 0.02) & (abs(xs - 0.68) < 0.1)
    return out


def schematic_radiograph(body: np.ndarray, seed: int = 0) -> np.ndarray:
    """(size, size) float32 in [0, 1]: dark lungs in grey tissue, with some texture."""
    rng = np.random.default_rng(seed)
    image = np.where(body[0] | body[1], 0.3, 0.65) + 0.03 * rng.standard_normal(body.shape[1:])
    return np.clip(image, 0, 1).astype(np.float32)
