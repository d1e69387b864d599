"""How much fine detail a radiograph has: power by spatial frequency."""

import numpy as np

#: The band compared, in cycles per image; 128 is the Nyquist frequency of 256 pixels.
BAND = (64, 128)
#: Width of the parts that the band is also compared in.
STEP = 8


def radial_power(images: np.ndarray) -> np.ndarray:
    """(S // 2 + 1,) mean power at 0, 1, … cycles per image of (N, S, S) in [0, 255].

    Each image less its mean, under a Hann window, in units of the full range; the power of each ring
    of a cycle's width is averaged over the ring and over images.
    """
    size = images.shape[-1]
    window = np.hanning(size)[:, None] * np.hanning(size)
    frequency = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(frequency[:, None], frequency)).astype(int).ravel()
    counts = np.bincount(ring)
    total = np.zeros(len(counts))
    for image in images:
        x = image / 255.0
        power = np.abs(np.fft.fft2((x - x.mean()) * window)) ** 2 / size**2
        total += np.bincount(ring, power.ravel()) / counts
    return (total / len(images))[: size // 2 + 1]


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


def _decades(ours: np.ndarray, theirs: np.ndarray, low: int, high: int) -> float:
    return float(np.log10(ours[low:high].sum() / theirs[low:high].sum()))
