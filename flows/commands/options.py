"""Options that several commands have, as typer reads them from a function's signature."""

from pathlib import Path
from typing import Annotated

import typer

from manifests.films.bounds import MOST_MEGAPIXELS

Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps")]
Megapixels = Annotated[
    int,
    typer.Option(min=1, max=MOST_MEGAPIXELS, help="Larger films are refused before they are decoded."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.KEY=VALUE", help="Overrides one field; may be repeated."),
]
RealData = Annotated[Path, typer.Option(help="Folder with the real data.")]
