"""A folder of drawn films and the config of an edit dataset of them."""

from pathlib import Path
from typing import Any

import numpy as np
from drawn_films import drawn_film, write_dicom
from PIL import Image

OFF = {name: {"enabled": False} for name in ("near_duplicate", "training_copy")}
#: The experts see a mass in all of these, for their hearts are too bright.
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
    """Two PNG files, a DICOM file of a woman of 63, and, last by its name, noise."""
    (folder / "deeper").mkdir(parents=True)
    Image.fromarray(drawn_film(0, 300)[0]).save(folder / "a.png")
    header = {"PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "PA"}
    write_dicom(folder / "deeper" / "b.dcm", drawn_film(2)[0], **header)
    Image.fromarray(drawn_film(3, 200)[0]).save(folder / "deeper" / "c.png")
    noise = np.random.default_rng(0).integers(0, 255, (300, 200), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    return folder


def pairs_config(folder: Path, output: Path, edit: dict[str, Any] | None = None, **changes: Any) -> dict:
    """The config as plain data."""
    asked = {**EDIT, "source": str(folder), **(edit or {})}
    return {**PAIRS, "output": str(output), "edit": asked, **changes}
