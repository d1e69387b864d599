"""A folder of drawn films and the config of an edit dataset of them."""

from pathlib import Path
from typing import Any

import numpy as np
from drawn_films import drawn_film, write_dicom
from PIL import Image

OFF = {name: {"enabled": False} for name in ("near_duplicate", "training_copy")}
PAIRS: dict[str, Any] = {
    "seed": 3,
    "candidates": 8,
    "shard_size": 4,
    "images": {"size": 128, "batch_size": 4},
    "filters": OFF,
    "workers": {"count": 1, "retries": 0},
}
EDIT: dict[str, Any] = {"remove": ["mass"], "add": ["effusion, left"], "tries": 1}


def write_films(folder: Path) -> Path:
    """Two PNG files, a DICOM file of a woman of 63, and, last by its name, noise; all with a mass, as a table
    beside the folder says: what the experts see of drawn films is too faint to go without."""
    (folder / "deeper").mkdir(parents=True)
    Image.fromarray(with_mass(drawn_film(0, 300)[0])).save(folder / "a.png")
    header = {"PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "PA"}
    write_dicom(folder / "deeper" / "b.dcm", with_mass(drawn_film(2)[0]), **header)
    Image.fromarray(with_mass(drawn_film(3, 200)[0])).save(folder / "deeper" / "c.png")
    noise = np.random.default_rng(0).integers(0, 255, (300, 200), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    names = ("a.png", "deeper/b.dcm", "deeper/c.png", "noise.png")
    labels_of(folder).write_text("image,prompt\n" + "".join(f"{name},Mass.\n" for name in names))
    return folder


def labels_of(folder: Path) -> Path:
    """The table of a folder's films."""
    return Path(f"{folder}.csv")


def with_mass(film: np.ndarray) -> np.ndarray:
    """A film (S, S) uint8 with a ball, an eighth of its side wide, in the right lung."""
    y, x = np.indices(film.shape) / film.shape[0]
    ball = np.exp(-((((y - 0.5) ** 2 + (x - 0.3) ** 2) / 0.06**2) ** 2))
    return np.asarray((film + 110 * ball).clip(0, 255), np.uint8)


def pairs_config(folder: Path, output: Path, edit: dict[str, Any] | None = None, **changes: Any) -> dict:
    """The config as plain data."""
    asked = {**EDIT, "source": str(folder), **(edit or {})}
    return {**PAIRS, "output": str(output), "edit": asked, **changes}


def labelled(folder: Path, edit: dict[str, Any] | None = None) -> dict[str, Any]:
    """The ``edit`` of :func:`pairs_config` with the table of the films."""
    return {"labels": str(labels_of(folder)), **(edit or {})}
