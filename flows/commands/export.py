"""`synthorax export`: a progress bar, then what the folder holds and what was left out of it, and why."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from manifests.exporting.run import Exported, export
from manifests.exporting.settings import ExportSettings
from manifests.exports.registry import find_format
from manifests.seldom import MARK, warning
from manifests.store import Store
from synth.terminal import printable


def run(dataset: str, to: str, out: str, settings: ExportSettings) -> None:
    """Exports what is committed of a build and prints what became of samples and lesions."""
    form = find_format(to)
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("exporting", total=None)

        def behind(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        found = export(Store(dataset), Store(out), form, settings, behind)
    for line in summary(out, found, form.ignores):
        print(printable(line))


def summary(out: str, found: Exported, ignores: bool) -> list[str]:
    """Lines for a person; ``ignores``: whether the format has a place for doubted lesions."""
    films = ", ".join(f"{count} {split}" for split, count in found.films.items())
    lines = [f"{out}: {sum(found.films.values())} samples ({films}), {sum(found.lesions.values())} lesions"]
    for reason, count in found.left_out.items():
        lines.append(f"{count} samples left out: {reason}")
    became = "to be ignored" if ignores else "left out"
    reasons = sorted({name.partition("/")[0] for name in found.doubted})
    for reason in reasons:
        of_findings = {
            finding: count
            for name, count in found.doubted.items()
            for cause, _, finding in [name.partition("/")]
            if cause == reason
        }
        told = ", ".join(f"{count} {finding.replace('_', ' ')}" for finding, count in of_findings.items())
        lines.append(f"{sum(of_findings.values())} lesions {became}: {reason} ({told})")
    if found.seldom:
        lines.append(f"{MARK} {warning(found.seldom)}")
    if reasons:
        lines.append("--labels all takes every lesion for a label")
    empty = [split for split, count in found.films.items() if not count]
    return [
        *lines,
        *(f"{split} is empty: the dataset is too small for that share" for split in empty),
        *found.losses,
    ]
