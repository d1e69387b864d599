"""Commands that make anew what ships: weights, the filters' thresholds, where findings lie."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.endings import guarded
from flows.commands.options import Device, RealData


@guarded
def train(
    name: Annotated[str, typer.Argument(help="shape, codec, anatomy, masks, images, findings_lite0, …, all")],
    data: Annotated[Path, typer.Option(help="Folder with the real data; controlnet: a prepared one.")],
    out: Annotated[Path, typer.Option(help="Folder to write to: OUT/NAME.")] = Path("runs"),
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = 0,
    device: Device = "cpu",
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    scale: Annotated[float, typer.Option(min=0, help="Times the documented number of steps.")] = 1.0,
    init: Annotated[Path | None, typer.Option(help="Images: a checkpoint to begin with.")] = None,
    base: Annotated[Path | None, typer.Option(help="Controlnet: folder of the frozen model.")] = None,
) -> None:
    """Train one of the shipped weights again, or a ControlNet for a base of your own."""
    from flows.training.registry import train as run

    print(run(name, data, out, seed, device, resume, scale, init, base))


@guarded
def calibrate(data: RealData) -> None:
    """Read the filters' thresholds off real held-out radiographs again."""
    from flows.evaluation.thresholds import calibrate_filters

    print(calibrate_filters(data))


@guarded
def convert(
    source: Annotated[
        str, typer.Argument(help="torchxrayvision model's name, its local file, or a folder of diffusers")
    ],
    out: Annotated[Path, typer.Argument(help="The .safetensors file, or the new folder, to write")],
    sha256: Annotated[
        str | None,
        typer.Option(help="Digest that the source must have; files that run code demand it."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The model's name, for a file that is not named as published."),
    ] = None,
) -> None:
    """Convert pickled weights, torchxrayvision's or a diffusers folder's, to safetensors, once."""
    from flows.commands.convert import run

    run(source, out, sha256, model)


@guarded
def places(
    data: RealData,
    out: Annotated[Path, typer.Option(help="Module to write.")] = Path("synth/masks/place_frequencies.py"),
) -> None:
    """Measure again where findings lie and how severe reports call them."""
    from flows.material.places import write_places

    write_places(data, out)
