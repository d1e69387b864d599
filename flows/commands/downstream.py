"""`synthorax downstream`: does a dataset teach? Models trained on it, tested on real films."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.endings import guarded
from flows.commands.options import Overrides

app = typer.Typer(
    help="Train on real and synthetic films, test on real patients.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path | None, typer.Argument(metavar="[CONFIG]", help="YAML file, or none: options.")]
Real = Annotated[Path | None, typer.Option(help="Folder with the real data.")]
Builds = Annotated[list[str] | None, typer.Option("--build", help="A build of ours; may be repeated.")]
Out = Annotated[str | None, typer.Option(help="Folder to write to, or to go on in.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:N or mps")]


#: What each task measures.
TASKS = {
    "detect": "Boxes: AP50 and mAP of RSNA's opacities and of NIH's eight kinds.",
    "segment": "Outlines: Dice of lungs and of opacities against people's.",
    "classify": "Whole films: AUROC of opacity against normal, and of NIH's labels.",
}


def _command(task: str) -> Callable[..., None]:
    @guarded
    def run(
        config: ConfigFile = None,
        real: Real = None,
        build: Builds = None,
        out: Out = None,
        device: Device = None,
        overrides: Overrides = None,
    ) -> None:
        from flows.evaluation.downstream.compare import compare, read_settings

        options = {"real": real and str(real), "builds": build, "output": out, "device": device}
        settings = read_settings(config, options, overrides or ())
        command = shlex.join(["synthorax", *sys.argv[1:]])
        print(compare(task, settings, command).markdown(), end="")

    return run


for _task, _help in TASKS.items():
    app.command(_task, help=_help)(_command(_task))
