"""Judges edits of real radiographs: ``python -m flows.evaluation.edits_command --data DIR --out OUT``.

Thirty films with a radiologist's box lose their opacity, once inside the box and once everywhere; thirty
normal ones get a consolidation.
docs/benchmarks.md has the measured figures.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.endings import guarded

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@guarded
def run(
    data: Annotated[Path, typer.Option(help="Folder with the real data.")],
    out: Annotated[Path, typer.Option(help="Folder for edits.json and edits.png.")],
    count: Annotated[int, typer.Option(min=1, help="Films of each kind.")] = 30,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps")] = "cpu",
) -> None:
    """Edit, measure, and draw what was done."""
    import numpy as np

    from flows.evaluation import edits, pictures
    from flows.loading import load_retoucher

    retoucher, _ = load_retoucher(device=device)
    found, made = edits.measure(retoucher, data, count)
    out.mkdir(parents=True, exist_ok=True)
    (out / "edits.json").write_text(json.dumps(found, indent=1) + "\n")
    before, after = (
        np.concatenate([x[:8] for x in three])
        for three in ([s.before for s in made.values()], [s.seen for s in made.values()])
    )
    pictures.before_and_after(before, after, out / "edits.png")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    app()
