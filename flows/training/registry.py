"""Trainings by name: ``synthorax train NAME --data DIR --out DIR``."""

from importlib import import_module
from pathlib import Path

from synth.devices import check_device
from synth.errors import UserError
from synth.weights import SUMS

#: In the order in which they build on one another.
NAMES = (
    "codec",
    "anatomy",
    "shape",
    "masks",
    "images",
    "one_pass",
    "rough_latents",
    "anatomy_second",
    "findings_lite0",
    "findings_lite1",
    "evaluator_anatomy",
    "evaluator_lite2",
    "evaluator_attributes",
)

#: Trained on a prepared folder for a frozen base of the user's own; no part of "all".
CONTROLNET = "controlnet"


def train(
    name: str,
    data: Path,
    out: Path,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    scale: float = 1.0,
    init: Path | None = None,
    base: Path | None = None,
) -> Path:
    """Train one checkpoint into ``out/NAME`` and return its folder.

    ``name`` may be "all": each in turn, those that already stand in ``out`` left alone when
    ``resume`` is set. ``init`` is a checkpoint to begin with (images only).

    ``scale`` multiplies the documented number of steps. Raises UserError
    for an unknown name and FileNotFoundError for missing data or a missing earlier checkpoint.
    """
    if name == "all":
        _check_base(name, base)
        for each in NAMES:
            if not (resume and (out / each / SUMS).exists()):
                train(each, data, out, seed, device, resume, scale, init if each == "images" else None)
        return out
    if name not in (*NAMES, CONTROLNET):
        raise UserError(f"name: {name!r}, expected all or one of {', '.join((*NAMES, CONTROLNET))}")
    _check_base(name, base)
    check_device(device)
    if init is not None and name != "images":
        raise UserError(f"init: {init} for {name}, expected none: only images can go on from a checkpoint")
    options = {k: v for k, v in (("init", init), ("base", base)) if v is not None}
    training = import_module(f"flows.training.recipes.{name}").train
    folder: Path = training(data, out, seed, device, resume, scale, **options)
    return folder


def _check_base(name: str, base: Path | None) -> None:
    if name != CONTROLNET and base is not None:
        raise UserError(f"base: {base} for {name}, expected none: only controlnet is trained for a base")
    if name == CONTROLNET and base is None:
        raise UserError(
            "base: none for controlnet, expected the folder of a Stable Diffusion 1.x or 2.x model"
        )
