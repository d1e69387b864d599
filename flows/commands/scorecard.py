"""`synthorax scorecard`: what is known of a build in seven parts, and what is not measured yet."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.endings import guarded

Files = list[Path] | None


@guarded
def scorecard(
    dataset: Annotated[str, typer.Argument(metavar="BUILD", help="The finished dataset's folder or URL")],
    out: Annotated[str, typer.Option(help="Folder for scorecard.html, scorecard.json and croissant.json.")],
    evaluation: Annotated[
        Files, typer.Option(help="evaluation.json; may be repeated, as all of these.")
    ] = None,
    downstream: Annotated[Files, typer.Option(help="downstream.json: models trained on it.")] = None,
    study: Annotated[Files, typer.Option(help="study.json: readers' answers.")] = None,
    experts: Annotated[Files, typer.Option(help="experts.json: what its judges are worth.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="How many accepted samples are opened, about.")] = 2000,
    verify: Annotated[bool, typer.Option(help="Re-hash and reopen every byte, as `verify` does.")] = True,
) -> None:
    """Score a build in seven parts, from figures that were measured on it and from what it tells itself."""
    from rich.console import Console

    from flows.evaluation.scorecard.groups import subgroup_of
    from flows.evaluation.scorecard.part import Source
    from flows.evaluation.scorecard.writing import write_scorecard
    from synth.terminal import printable

    files: dict[Source, list[Path]] = {
        "evaluation": evaluation or [],
        "downstream": downstream or [],
        "study": study or [],
        "experts": experts or [],
    }
    card = write_scorecard(dataset, files, out, samples, verify, Console(stderr=True))
    for filled in card.parts:
        measured, without = len(filled.measured), len(filled.open)
        print(f"{filled.part.name}: {measured} figures" + (f", {without} not measured" if without else ""))
    missing = [row.figure for filled in card.parts for row in filled.open]
    for why in dict.fromkeys(figure.note for figure in missing if not subgroup_of(figure.group)):
        print(printable(why))
    print(f"{printable(out)}: scorecard.html, scorecard.json, croissant.json")
