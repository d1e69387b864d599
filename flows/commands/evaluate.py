"""`synthorax evaluate`: a dataset held against real films; and what ships, against real data and papers."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.commands.endings import guarded
from flows.commands.options import Device, RealData

#: The command that is meant where none is named.
DATASET = "dataset"


class _OrDataset(TyperGroup):
    """Takes what names no command for a build: `evaluate out/demo` is `evaluate dataset out/demo`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [DATASET, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_OrDataset,
    help="Is a dataset like real films (evaluate BUILD --real DIR)? And what is worth what ships?",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(DATASET)
@guarded
def dataset(
    real: Annotated[
        Path,
        typer.Option(help="Real films: laid out like the real data, or any folder of PNG, JPEG or DICOM."),
    ],
    build: Annotated[
        str | None, typer.Argument(help="The dataset's folder or URL; not with --images.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Instead of a build, a folder of anybody's generated films.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; by default BUILD.evaluation beside the build.")
    ] = None,
    torchxrayvision: Annotated[
        list[Path] | None,
        typer.Option(help="A classifier converted by `synthorax convert`; may be repeated."),
    ] = None,
    rad_dino: Annotated[
        Path | None, typer.Option(help="Folder with RAD-DINO in transformers' layout, as safetensors.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="chexgenbench: its figures too; needs --rad-dino.")
    ] = None,
    films: Annotated[int, typer.Option(min=1, help="Of a side at most, evenly spread.")] = 2000,
    device: Device = "cpu",
) -> None:
    """Is a build, or a folder of images, like real films? `evaluate BUILD` means this command."""
    place = _place(build, images, out)  # before anything heavy is imported

    from rich.console import Console

    from flows.evaluation.sets.run import Request, evaluate_set

    request = Request(
        build, images, real, place, tuple(torchxrayvision or ()), rad_dino, protocol, device, films
    )
    file = evaluate_set(request, Console(stderr=True))
    print((place / "evaluation.md").read_text("utf-8"))
    print(f"{len(file.figures)} figures in {place}: evaluation.json, evaluation.md, figures.png, spectra.png")


def _place(build: str | None, images: Path | None, out: Path | None) -> Path:
    """Where to write. UserError for what is neither a build nor a command."""
    from synth.errors import UserError

    if build is not None and "://" not in build and not Path(build).is_dir():
        commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
        names = ", ".join(name for name in commands if name != DATASET)
        raise UserError(f"evaluate: {build!r} is neither a dataset's folder or URL nor one of {names}")
    if images is not None and not images.is_dir():
        raise UserError(f"images: {images} is not a folder, expected one with films")
    if out is not None:
        return out
    if build is not None and "://" in build:
        raise UserError(f"out: missing, expected --out DIR: {build} is no local folder")
    place = Path(build) if build is not None else images
    if place is None:
        raise UserError("evaluate: expected a build, or a folder of images with --images")
    whole = place.resolve()
    return whole.with_name(f"{whole.name}.evaluation")


@app.command()
@guarded
def models(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the real data; without, only what needs none."),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Uncurated samples.")] = 512,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of masks of each finding.")] = 16,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for figures, pictures and the cache."),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32 or bf16")] = "fp32",
    card: Annotated[
        Path | None,
        typer.Option(help="The image model's card to write into."),
    ] = None,
) -> None:
    """Experts, masks, images and copies: the tables of docs/benchmarks.md."""
    from flows.evaluation.shipped import evaluate_models

    evaluate_models(data, images, pairs, out, precision, card)


@app.command()
@guarded
def experts(
    real: RealData,
    part: Annotated[str, typer.Option(help="test, evaluators or experts: whose patients' films.")] = "test",
    torchxrayvision: Annotated[
        list[Path] | None,
        typer.Option(help="A classifier converted by `synthorax convert`; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for experts.json and experts.md.")] = None,
) -> None:
    """Experts and evaluators on real films: findings told, places pointed at, probabilities meant."""
    from flows.evaluation.experts import evaluate_experts

    evaluate_experts(real, part, torchxrayvision or (), out)


@app.command()
@guarded
def control(
    out: Annotated[Path, typer.Option(help="Folder for control.json.")],
    requests: Annotated[int, typer.Option(min=1, help="Requests with one lesion.")] = 128,
    three: Annotated[int, typer.Option(min=1, help="Requests with three lesions.")] = 32,
    device: Device = "cpu",
) -> None:
    """XReal's controllers: the paper's preset and ours on the same requests."""
    from flows.evaluation.xreal import evaluate_control

    evaluate_control(out, requests, three, device)


@app.command()
@guarded
def edits(
    data: RealData,
    out: Annotated[Path, typer.Option(help="Folder for edits.json and edits.png.")],
    count: Annotated[int, typer.Option(min=1, help="Films of each kind.")] = 30,
    device: Device = "cpu",
) -> None:
    """Edits of real radiographs: opacities removed, consolidations added."""
    from flows.evaluation.edits import evaluate_edits

    evaluate_edits(data, out, count, device)


@app.command()
@guarded
def parser(
    uncertain: Annotated[bool, typer.Option("--uncertain", help="Count suspected findings too.")] = False,
) -> None:
    """The report parser on Open-i's MeSH codes."""
    from flows.evaluation.parser import evaluate_parser

    evaluate_parser(uncertain)
