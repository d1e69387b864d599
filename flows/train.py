"""Trainings by name: ``synthorax train NAME --data DIR --out DIR``."""

from importlib import import_module
from pathlib import Path

#: In the order in which they build on one another.
NAMES = ("shape", "codec", "anatomy", "findings", "masks", "images")


def train(
    name: str,
    data: Path,
    out: Path,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    scale: float = 1.0,
) -> Path:
    """Train one checkpoint into ``out/NAME`` and return its folder.

    ``scale`` multiplies the number of steps: 1 is what the shipped weights had. Raises ValueError
    for an unknown name and FileNotFoundError for missing data or a missing earlier checkpoint.
    """
    if name not in NAMES:
        raise ValueError(f"name: {name!r}, expected one of {', '.join(NAMES)}")
    folder: Path = import_module(f"flows.training.{name}").train(data, out, seed, device, resume, scale)
    return folder
