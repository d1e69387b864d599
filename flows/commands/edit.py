"""`synthorax edit`: a progress bar, one line on stderr for each file that is refused, and how it went."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.commands.endings import USERS_MISTAKE, Ending
from flows.config.pace import Pace
from flows.config.terminal import in_rhythm, tell
from manifests.films.edited import EditedFolder
from manifests.films.masks import read_mask
from synth.cases import FindingRequest
from synth.errors import UserError
from synth.prompts.edit_requests import EditRequest
from synth.prompts.grammar import read_finding


def run(
    images: Sequence[Path],
    out: Path,
    request: EditRequest,
    mask: Path | None,
    seed: int,
    tries: int,
    checkpoint: str | None,
    size: int | None,
    device: str,
    megapixels: int,
) -> None:
    """Edits each image and says how it went; exit code 2 when one could not be edited."""
    if mask is not None and len(images) > 1:
        raise UserError(f"--mask: with {len(images)} images, expected one: a mask belongs to one image")
    target = EditedFolder(out)
    target.check_apart(images, mask)
    drawn = None if mask is None else read_mask(mask, megapixels)
    console = Console(stderr=True)
    with console.status("loading models"):
        from flows.editing.files import Asked, Listener, edit_files
        from flows.films import read_film
        from flows.loading import load_retoucher

        if len(images) == 1:
            read_film(images[0], megapixels)  # before models are loaded for nothing
        retoucher, digests = load_retoucher(checkpoint, size, device)
    pace = Pace(len(images))
    with _progress(console) as progress, in_rhythm(console, lambda: f"editing: {pace}"):
        task = progress.add_task("editing", total=len(images))

        def step(behind: float) -> None:
            pace.add(int(behind) - pace.done)
            progress.update(task, completed=behind)

        listener = Listener(
            step,
            lambda line: tell(console, f"synthorax: {line}"),
            lambda line: tell(console, f"synthorax: {line}"),
        )
        asked = Asked(request, seed, tries, drawn, megapixels)
        done = edit_files(images, target, asked, retoucher, digests, listener)
    earlier = f" ({done.earlier} of them earlier)" if done.earlier else ""
    refused = f", {done.refused} refused" if done.refused else ""
    unchanged = f", {done.unchanged} unchanged" if done.unchanged else ""
    line = f"{out}: {request}: {done.edited} edited{unchanged}{earlier}{refused}"
    if done.refused:
        raise Ending(USERS_MISTAKE, f"synthorax: {line}")
    print(line)


def requested(
    remove: Sequence[str], add: Sequence[str], swap: tuple[str, str] | None, everywhere: bool = False
) -> EditRequest:
    """The request of a command's options. Raises UserError, one line."""
    if swap is not None:
        if remove or add:
            raise UserError("--replace: with --remove or --add, expected alone: it is both of them")
        return EditRequest((_bare(swap[0]),), (read_finding(swap[1]),), True, everywhere)
    names = tuple(dict.fromkeys(map(_bare, remove)))
    return EditRequest(names, tuple(map(read_finding, add)), everywhere=everywhere)


def _bare(text: str) -> str:
    """What is removed is a finding wherever it lies."""
    found = read_finding(text)
    if found != FindingRequest(found.name):
        raise UserError(f"finding: {text!r}, expected a name alone: where it lies is seen, or said by a mask")
    return found.name


def _progress(console: Console) -> Progress:
    columns = (TextColumn("editing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
