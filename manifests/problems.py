"""What is found wrong with a dataset."""

from dataclasses import dataclass

from manifests.errors import DatasetError


@dataclass(frozen=True)
class Problem:
    """One thing found: ``path`` within the dataset, and what is wrong with it in one line.

    A ``note`` is no damage: readers that follow commits never meet it.
    """

    path: str
    what: str
    note: bool = False

    def __str__(self) -> str:
        return f"{'note: ' if self.note else ''}{self.path}: {self.what}"


def problem(path: str, error: DatasetError) -> Problem:
    """An error over a file as a problem of it, which names the file once."""
    return Problem(path, str(error).removeprefix(f"{path}: "))
