"""`synthorax prepare`: a progress bar and one line on stderr for each file that is refused."""

from pathlib import Path

from rich.console import Console

from flows.commands.endings import USERS_MISTAKE, Ending
from flows.preparing.folder import prepare
from manifests.films.prepared import TABLE


def run(folder: Path, out: Path, labels: Path | None, size: int, device: str, megapixels: int) -> None:
    """Prepares the folder and says how it went; exit code 2 when no file could be used."""
    done = prepare(folder, out, labels, size, device, Console(stderr=True), megapixels)
    earlier = f" ({done.earlier} of them earlier)" if done.earlier else ""
    why = f": {out / TABLE} says why" if done.refused else ""
    line = f"{out}: {done.prepared} films prepared{earlier}, {done.refused} files refused{why}"
    if not done.prepared:
        raise Ending(USERS_MISTAKE, f"synthorax: {line}")
    print(line)
