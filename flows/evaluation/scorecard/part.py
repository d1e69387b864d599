"""What a part of the scorecard is: a question, the figures that answer it, and how they are read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flows.evaluation.scorecard.material import Material
from flows.figures.figure import Figure

#: Who measures a figure: the scorecard itself from what the build holds, or a command of ours.
Source = Literal["build", "evaluation", "downstream", "study", "experts"]

#: How the files of each other command come about, as a person is told where its figures are missing.
COMMANDS: dict[Source, str] = {
    "evaluation": "synthorax evaluate BUILD --real DIR",
    "downstream": "synthorax downstream TASK",
    "study": "synthorax study make`, then `synthorax study score",
    "experts": "synthorax evaluate experts --real DIR --out OUT",
}


@dataclass(frozen=True)
class Term:
    """What a figure's name means.

    ``name`` is that of the figure, without regard to capitals; one ``*`` in it stands for any text.
    ``better``: higher, lower, or empty where neither is. ``scale``: ``share`` is a number in [0, 1] read in
    percent, ``unit`` one that is not; both are drawn. ``reading``: what it says, and of what it says nothing.
    """

    name: str
    title: str
    source: Source
    reading: str
    better: Literal["higher", "lower", ""] = ""
    scale: Literal["share", "unit", ""] = ""

    def means(self, name: str) -> bool:
        """Whether a figure of that name is this."""
        return self.rest(name) is not None

    def rest(self, name: str) -> str | None:
        """What of a figure's name stands for the ``*``, empty where there is none; None for another's
        name."""
        head, star, tail = self.name.partition("*")
        fits = name.lower().startswith(head) and name.lower().endswith(tail)
        if not fits or len(name) < len(head) + len(tail) or not (star or len(name) == len(head)):
            return None
        return name[len(head) : len(name) - len(tail)].strip(" ,_")


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
