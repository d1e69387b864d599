"""The radiomic Fréchet distance (Konz et al., 2024), by its authors' package, where pyradiomics is there."""

import contextlib
import io
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from flows.figures.fidelity import halves
from flows.figures.figure import Figure

JUDGE = "frd-score 1, its default: ln of the squared distance"


def distance(
    made: np.ndarray, real: np.ndarray, patients: np.ndarray, group: str, why: str = "", seed: int = 0
) -> Figure:
    """Of films (M, S, S) uint8 against one half of the real (N, S, S), as many of each; the floor is of two
    halves. ``why`` it cannot be measured is told where given. Extracting takes seconds a film: no interval.

    The package's default is the logarithm of the squared distance, twice that of the paper's equation 3.
    """
    counts = {"generated": len(made), "real": len(real)}
    if not why and find_spec("radiomics") is None:
        why = "pyradiomics is not installed (pip install 'synthorax[radiomics]', and what that needs)"
    if why:
        return Figure("frd", JUDGE, None, group=group, counts=counts, note=f"not measured: {why}")
    rng = np.random.default_rng(seed)
    first, second = (rng.permutation(side) for side in halves(patients, rng))
    n = min(len(made), len(first), len(second))
    value = _between(real[first[:n]], rng.permutation(made)[:n])
    floor = _between(real[first[:n]], real[second[:n]])
    note = "no interval: one draw of halves"
    return Figure("frd", JUDGE, value, floor=floor, group=group, counts=counts | {"compared": n}, note=note)


def _between(a: np.ndarray, b: np.ndarray) -> float:
    from frd_score import compute_frd

    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        sides = [_write(Path(folder) / name, images) for name, images in (("a", a), ("b", b))]
        return float(compute_frd([str(s) for s in sides], num_workers=1))


def _write(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:06d}.png")
    return folder
