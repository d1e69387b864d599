"""What a part of the scorecard is: a question, the figures that answer it, and how they are read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flows.figures.figure import Figure
from flows.scorecard.material import Material

#: Who measures a figure: the scorecard itself from what the build holds, or a command of ours.
Source = Literal["build", "evaluation", "downstream", "study", "experts"]

#: How the files of each other command come about, as a person is told where its figures are missing.
COMMANDS: dict[Source, str] = {
    "evaluation": "synthorax evaluate BUILD --real DIR",
    "downstream": "synthorax downstream TASK",
    "study": "synthorax study make, then synthorax study score",
    "experts": "synthorax evaluate experts --real DIR --out OUT",
}


@dataclass(frozen=True)
class Term:
    """What a figure's name means.

    ``name`` is that of the figure, or its beginning where it ends in ``*``. ``better``: higher, lower, or
    empty where neither is; ``share``: a number in [0, 1]. ``reading``: what it says, and of what it says
    nothing.
    """

    name: str
    title: str
    source: Source
    reading: str
    better: Literal["higher", "lower", ""] = ""
    share: bool = False

    def means(self, name: str) -> bool:
        """Whether a figure of that name is this."""
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name


@dataclass(frozen=True)
class Statement:
    """What is told in words, and where it stands: ``source`` is a file or field of the build."""

    title: str
    text: str
    source: str


Entry: TypeAlias = Figure | Statement
#: Figures of other commands by who measured them; a source that was not asked is absent.
Evidence: TypeAlias = Mapping[Source, Sequence[Figure]]


@dataclass(frozen=True)
class Part:
    """One of the seven. ``own``: figures and statements made here, by names that ``terms`` explain.

    ``takes`` are the sources whose figures stand here though no part has a term for them.
    """

    name: str
    question: str
    reading: str
    terms: tuple[Term, ...]
    own: Callable[[Material, Evidence], Iterable[Entry]]
    takes: tuple[Source, ...] = ()

    def term(self, name: str, source: Source) -> Term | None:
        """What a figure of that name and source is here; None where it belongs elsewhere."""
        return next((t for t in self.terms if t.source == source and t.means(name)), None)
