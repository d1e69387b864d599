"""`synthorax study`: a blinded reader study made from a build and real films, and scored."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.commands.endings import guarded
from flows.commands.options import Megapixels
from flows.config.terminal import tell
from manifests.films.bounds import MEGAPIXELS

app = typer.Typer(
    help="Ask radiologists: is it real, is it good, is it of use?",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
@guarded
def make(
    build: Annotated[str, typer.Argument(help="The dataset's folder or URL.")],
    real: Annotated[Path, typer.Option(metavar="DIR", help="Folder with real films; docs/study.md.")],
    out: Annotated[Path, typer.Option(metavar="KIT", help="New folder for the page and its key.")],
    films: Annotated[int, typer.Option(help="Of each kind.")] = 40,
    findings: Annotated[
        list[str] | None,
        typer.Option(
            "--finding", metavar="FINDING", help="Ask about this one; may be repeated. By default all."
        ),
    ] = None,
    ask: Annotated[bool, typer.Option("--ask/--no-ask", help="Ask what is to be seen.")] = True,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A real film that something on it betrays; may be repeated."),
    ] = None,
    readers: Annotated[int, typer.Option(help="How many are planned, for the power calculation.")] = 3,
    correlation: Annotated[
        float, typer.Option(help="Of two readers' answers to one film, 0 to 1, for the same.")
    ] = 0.2,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**63 - 1, help="To make a kit again; by default one that nobody can guess."),
    ] = None,
    megapixels: Megapixels = MEGAPIXELS,
) -> None:
    """Make a kit: one page for readers, and the key that says which film is which."""
    console = Console(stderr=True)
    with console.status("loading"):
        from flows.evaluation.study.making import Plan
        from flows.evaluation.study.making import make as run

    asked = tuple(findings) if findings else None if ask else ()
    plan = Plan(films, asked, readers, correlation, seed, megapixels, tuple(leave_out or ()))
    kit = run(build, real, out, plan, lambda line: tell(console, f"synthorax: {line}"))
    for line in (f"{out}: seal {kit.seal}", *kit.lines):
        tell(Console(), line)


@app.command()
@guarded
def score(
    key: Annotated[Path, typer.Argument(metavar="KIT/key.json", help="What `study make` kept for you.")],
    answers: Annotated[list[Path], typer.Argument(metavar="ANSWERS.csv...", help="As the page saved them.")],
    out: Annotated[Path, typer.Option(help="Folder for study.json, study.md and study.png.")],
) -> None:
    """Score what readers answered: authenticity, quality, what was seen, use of outlines, agreement."""
    with Console(stderr=True).status("scoring"):
        from flows.evaluation.study.report import score as run

        names = " ".join(path.name for path in answers)
        text = run(key, answers, out, f"synthorax study score {key.name} {names} --out {out.name}")
    print(text)
