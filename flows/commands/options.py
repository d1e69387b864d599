"""Options that several commands have, as typer reads them from a function's signature."""

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps")]
RealData = Annotated[Path, typer.Option(help="Folder with the real data.")]
