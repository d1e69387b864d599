"""The door of the terminal: lines that hold text from files and data."""

from rich.console import Console

from synth.prompts.tables import clean


def printable(text: str) -> str:
    """Text without escapes and control characters; bytes that are no UTF-8 are written out."""
    return clean(text.encode("utf-8", "backslashreplace").decode())


def tell(console: Console, line: str) -> None:
    """One line for the user, as it is: no markup, not wrapped."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
