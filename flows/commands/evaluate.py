"""`synthorax evaluate`: what ships, held against real data and against papers."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.endings import guarded
from flows.commands.options import Device, RealData

app = typer.Typer(help="Measure what ships.", no_args_is_help=True, rich_markup_mode=None)


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
