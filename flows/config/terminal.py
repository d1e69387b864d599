"""Lines for the user while work goes on."""

from rich.console import Console

from synth.terminal import printable


def tell(console: Console, line: str) -> None:
    """One line, as it is: no markup, not wrapped; of text from data nothing that a terminal obeys."""
    text = line.encode("utf-8", "backslashreplace").decode()
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
