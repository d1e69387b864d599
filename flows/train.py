"""Trainings by name: ``synthorax train NAME --data DIR --out DIR``."""

from importlib import import_module
from pathlib import Path

from synth.weights import SUMS

#: In the order in which they build on one another.
NAMES = (
    "codec",
    "anatomy",
    "shape",
    "masks",
    "findings",
    "images",
    "rough_latents",
    "anatomy_second",
    "findings_second",
    "calibration",
    "evaluator_anatomy",
    "evaluator_lesions",
    "evaluator_attributes",
)


def train(
    name: str,
    data: Path,
    out: Path,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    scale: float = 1.0,
    init: Path | None = None,
) -> Path:
    """Train one checkpoint into ``out/NAME`` and return its folder.

    ``name`` may be "all": each in turn, those that already stand in ``out`` left alone when
    ``resume`` is set. ``init`` is a checkpoint to begin with (images only).

    ``scale`` multiplies the documented number of steps. Raises ValueError
    for an unknown name and FileNotFoundError for missing data or a missing earlier checkpoint.
    """
    if name == "all":
        for each in NAMES:
            if not (resume and (out / each / SUMS).exists()):
                train(each, data, out, seed, device, resume, scale, init if each == "images" else None)
        return out
    if name not in NAMES:
        raise ValueError(f"name: {name!r}, expected all or one of {', '.join(NAMES)}")
    if init is not None and name != "images":
        raise ValueError(f"init: {init} for {name}, expected none: only images can go on from a checkpoint")
    options = {} if init is None else {"init": init}
    training = import_module(f"flows.training.{name}").train
    folder: Path = training(data, out, seed, device, resume, scale, **options)
    return folder
