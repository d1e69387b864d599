"""How much fine detail a radiograph has: power by spatial frequency."""

import numpy as np

from flows.figures.fidelity import halves
from flows.figures.resampling import Estimate, around, multiplicities

#: The band compared, in cycles per image; 128 is the Nyquist frequency of 256 pixels.
BAND = (64, 128)
#: Draws behind an interval and a floor.
DRAWS = 400
#: Width of the parts that the band is also compared in.
STEP = 8


def radial_power(images: np.ndarray) -> np.ndarray:
    """(S // 2 + 1,) mean of :func:`radial_powers` over images."""
    return radial_powers(images).mean(0)


def radial_powers(images: np.ndarray) -> np.ndarray:
    """(N, S // 2 + 1) power at 0, 1, … cycles per image of (N, S, S) in [0, 255].

    Each image less its mean, under a Hann window, in units of the full range; the power of each ring
    of a cycle's width is averaged over the ring.
    """
    size = images.shape[-1]
    window = np.hanning(size)[:, None] * np.hanning(size)
    frequency = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(frequency[:, None], frequency)).astype(int).ravel()
    counts = np.bincount(ring)
    rows = np.empty((len(images), size // 2 + 1))
    for row, image in zip(rows, images, strict=True):
        x = image / 255.0
        power = np.abs(np.fft.fft2((x - x.mean()) * window)) ** 2 / size**2
        row[:] = (np.bincount(ring, power.ravel()) / counts)[: size // 2 + 1]
    return rows


def band_decades(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Decades (log10) by which ``ours`` exceed ``theirs``, both (N, 256, 256) uint8, in BAND's power."""
    return _decades(radial_power(ours), radial_power(theirs), *BAND)


def compare(generated: np.ndarray, real: np.ndarray) -> dict[str, float | list[float] | int]:
    """Decades (log10) by which the generated images' power exceeds the real ones' in BAND.

    Both (N, 256, 256) uint8. ``decades``: of the whole band's power; ``worst``: of the part of STEP
    cycles where the two differ most; ``parts``: of each.
    """
    ours, theirs = radial_power(generated), radial_power(real)
    low, high = BAND
    parts = [_decades(ours, theirs, f, f + STEP) for f in range(low, high, STEP)]
    worst = max(parts, key=abs)
    return {
        "generated": len(generated),
        "real": len(real),
        "decades": round(_decades(ours, theirs, low, high), 3),
        "worst": round(worst, 3),
        "parts": [round(p, 3) for p in parts],
    }


def detail_band(side: int) -> tuple[int, int]:
    """The upper octave of films of ``side`` pixels, in cycles per image; BAND at 256."""
    return side // 4, side // 2


def detail_gap(generated: np.ndarray, real: np.ndarray, patients: np.ndarray, seed: int = 0) -> Estimate:
    """Decades by which generated films' power exceeds the real ones' in the upper octave; the floor is the
    mean absolute gap of two halves of the real films. Both are (N, S // 2 + 1) of :func:`radial_powers`."""
    low, high = detail_band(2 * (generated.shape[1] - 1))
    ours, theirs = (x[:, low:high].sum(1) for x in (generated, real))
    rng, value = np.random.default_rng(seed), float(np.log10(ours.mean() / theirs.mean()))
    drawn, floors = [], []
    for _ in range(DRAWS):
        wg, wr = multiplicities(np.arange(len(ours)), rng), multiplicities(patients, rng)
        drawn.append(np.log10(np.average(ours, weights=wg) / np.average(theirs, weights=wr)))
        a, b = halves(patients, rng)
        floors.append(abs(np.log10(theirs[a].mean() / theirs[b].mean())))
    counts = {"generated": len(ours), "real": len(theirs), "patients": len(np.unique(patients))}
    return Estimate(value, *around(value, np.array(drawn) - value), float(np.mean(floors)), counts)


def _decades(ours: np.ndarray, theirs: np.ndarray, low: int, high: int) -> float:
    return float(np.log10(ours[low:high].sum() / theirs[low:high].sum()))
