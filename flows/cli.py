"""The command `synthorax`. Nothing heavy is imported before a command needs it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.downstream import app as downstream
from flows.commands.endings import guarded, set_debug
from flows.commands.evaluate import app as evaluate
from flows.commands.options import Device, Megapixels, Overrides
from flows.commands.scorecard import scorecard
from flows.commands.signals import interruptible
from flows.commands.study import app as study
from flows.commands.weights import calibrate, convert, places, train
from manifests.films.bounds import MEGAPIXELS
from synth.settings import TRIES

app = typer.Typer(
    name="synthorax",
    help="Builds large, labelled, audited synthetic chest-radiograph datasets.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(evaluate, name="evaluate")
app.add_typer(study, name="study")
app.add_typer(downstream, name="downstream")

ConfigFile = Annotated[Path, typer.Argument(help="YAML file, e.g. flows/presets/demo.yaml")]
Dataset = Annotated[str, typer.Argument(help="The dataset's folder or URL (a config's `output`)")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        from synth.software import software

        told = software()
        print(f"synthorax {told['synthorax']}" + (f" ({told['commit']})" if told["commit"] else ""))
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    set_debug(debug)
    # Waiting OpenMP threads that spin make everything ten times slower beside a busy process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@app.command()
@guarded
def plan(config: ConfigFile, overrides: Overrides = None) -> None:
    """Show what would be built, how long it takes and how large it gets, from a measured sample."""
    from flows.commands.plan import run

    run(config, overrides or ())


@app.command()
@guarded
def build(config: ConfigFile, overrides: Overrides = None) -> None:
    """Build a dataset, or go on with one that was interrupted."""
    from flows.commands.build import run

    run(config, overrides or ())


@app.command()
@guarded
def status(dataset: Dataset) -> None:
    """Show how far a build is."""
    from flows.commands.status import run

    run(dataset)


@app.command()
@guarded
def verify(
    dataset: Dataset,
    mend: Annotated[
        bool,
        typer.Option("--repair", help="Take back what is damaged, so that the same build makes it again."),
    ] = False,
) -> None:
    """Re-hash, recount and reopen every file of a dataset."""
    from flows.commands.verify import run

    run(dataset, mend)


@app.command()
@guarded
def audit(
    dataset: Dataset,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="filters.NAME.threshold=VALUE",
            help="Replays the decisions with another threshold; may be repeated.",
        ),
    ] = None,
) -> None:
    """Show what was rejected and why, and how the scores are spread."""
    from flows.commands.audit import run

    run(dataset, overrides or ())


@app.command()
@guarded
def export(
    dataset: Dataset,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="coco, …; docs/exports.md has a table of them.")],
    out: Annotated[str, typer.Option(help="Folder or URL to write to, empty or begun by the same command.")],
    labels: Annotated[
        str, typer.Option(help="seen: lesions that the experts do not see are to be ignored; or all.")
    ] = "seen",
    masks: Annotated[
        str, typer.Option(help="coco: rle or polygons; yolo: polygons or boxes. By default the first.")
    ] = "",
    empty: Annotated[bool, typer.Option(help="Keep images without a lesion, or leave them out.")] = True,
    channels: Annotated[int, typer.Option(help="Of the images: 1, or 3 equal ones.")] = 1,
    val: Annotated[int, typer.Option(help="Percent of the bodies for validation.")] = 10,
    test: Annotated[int, typer.Option(help="Percent of the bodies for testing.")] = 10,
) -> None:
    """Write a build into a folder that another tool opens, or go on where it was interrupted."""
    from flows.commands.export import run
    from manifests.exporting.settings import ExportSettings

    run(dataset, to, out, ExportSettings(labels, masks, empty, channels, val, test))


@app.command()
@guarded
def reproduce(
    dataset: Dataset,
    key: Annotated[str, typer.Argument(help="Of one candidate: nine digits.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="prompts.file=FILE",
            help="Where a file lies that the build knows by its content; may be repeated.",
        ),
    ] = None,
) -> None:
    """Make one candidate of a build again, alone, and say whether it is the same."""
    from flows.commands.reproduce import run

    run(dataset, key, overrides or ())


@app.command()
@guarded
def show(
    dataset: Dataset,
    out: Annotated[
        Path | None,
        typer.Option(help="PNG to write; by default contact_sheet.png in the current folder."),
    ] = None,
    accepted: Annotated[int, typer.Option(min=0, max=400, help="How many accepted.")] = 24,
    rejected: Annotated[int, typer.Option(min=0, max=400, help="How many rejected.")] = 6,
) -> None:
    """Draw a contact sheet of accepted and rejected samples with their masks."""
    from flows.commands.show import run

    run(dataset, out or Path("contact_sheet.png"), accepted, rejected)


@app.command()
@guarded
def prepare(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with real frontal radiographs.")],
    out: Annotated[Path, typer.Option(help="Folder to write films, pseudo-masks and prompts to.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Prompt file (CSV or Parquet) with a further column image; see docs/prompts.md."),
    ] = None,
    size: Annotated[int, typer.Option(help="Pixels a side.")] = 256,
    device: Device = "cpu",
    megapixels: Megapixels = MEGAPIXELS,
) -> None:
    """Make radiographs of your own ready for `train controlnet`, or go on where it was interrupted."""
    from flows.commands.prepare import run

    run(folder, out, labels, size, device, megapixels)


@app.command()
@guarded
def edit(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="PNG, JPEG or DICOM files.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    remove: Annotated[
        list[str] | None,
        typer.Option(metavar="FINDING", help="Take a finding away; may be repeated."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="FINDING", help="Add one, as 'effusion, left, lower, severe'; may be repeated."),
    ] = None,
    replace: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="OLD NEW", help="Put another finding where one is."),
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Clear both lungs, not only where it is seen or masked.")
    ] = False,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="PNG of the one image's size: where what is removed lies, or else what is added shall."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = 0,
    tries: Annotated[int, typer.Option(min=1, max=99, help="Edits to choose from by the experts.")] = TRIES,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Folder in diffusers' layout or hub id; by default the shipped image model."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Pixels a side that models see; by default 256, or the checkpoint's own."),
    ] = None,
    device: Device = "cpu",
    megapixels: Megapixels = MEGAPIXELS,
) -> None:
    """Remove, add or replace findings in real radiographs, or go on where it was interrupted."""
    from flows.commands.edit import requested, run

    request = requested(remove or (), add or (), replace, everywhere)
    run(images, out, request, mask, seed, tries, checkpoint, size, device, megapixels)


for command in (train, calibrate, convert, places, scorecard):
    app.command()(command)


def main() -> None:
    """The console script."""
    with interruptible():
        app()


if __name__ == "__main__":
    main()
