"""How far a build is: a bar in a terminal, a line every half minute in a log."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from flows.building.course import Course
from flows.config.terminal import in_rhythm, tell


@contextmanager
def shown(course: Course, console: Console) -> Iterator[None]:
    """Shows the course of a build for the block, the loading of its models included."""
    if not console.is_terminal:
        tell(console, f"building: {course}")
        with in_rhythm(console, lambda: f"building: {course}"):
            yield
        return
    with Progress(
        TextColumn("building"), _CourseBar(course), _CourseText(course), console=console
    ) as progress:
        progress.add_task("building", total=None)
        yield


class _CourseBar(ProgressColumn):
    def __init__(self, course: Course) -> None:
        super().__init__()
        self._pace = course.pace

    def render(self, task: Task) -> ProgressBar:
        """Made and wanted; it moves to and fro while nothing is made yet."""
        end = self._pace.end or None
        return ProgressBar(total=end, completed=self._pace.done, width=40, pulse=end is None)


class _CourseText(ProgressColumn):
    def __init__(self, course: Course) -> None:
        super().__init__()
        self._course = course

    def render(self, task: Task) -> Text:
        """What the build is doing, as of now."""
        return Text(str(self._course))
