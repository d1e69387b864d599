"""Answers as arrays, readers by films, and which films show what."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flows.evaluation.study.answers import Answer, Answers
from flows.evaluation.study.key import Key


@dataclass(frozen=True)
class Tables:
    """Of R readers and F films: ``authentic`` and ``quality`` (R, F), NaN where nothing was said; ``real``
    (F,) bool; by finding, ``seen`` and ``useful`` (R, F), NaN alike, ``shows`` and ``lacks`` (F,) bool."""

    readers: list[str]
    real: np.ndarray
    authentic: np.ndarray
    quality: np.ndarray
    seen: dict[str, np.ndarray]
    useful: dict[str, np.ndarray]
    shows: dict[str, np.ndarray]
    lacks: dict[str, np.ndarray]

    @classmethod
    def of(cls, key: Key, answers: Answers) -> "Tables":
        """All films of the key; readers in the order of their codes."""
        films = key.sealed.films
        readers = sorted({reader for reader, _ in answers})

        def table(value: Callable[[Answer], float | None]) -> np.ndarray:
            out = np.full((len(readers), len(films)), np.nan)
            for r, reader in enumerate(readers):
                for f, film in enumerate(films):
                    answer = answers.get((reader, film.id))
                    said = None if answer is None else value(answer)
                    out[r, f] = np.nan if said is None else said
            return out

        def ticked(name: str) -> np.ndarray:
            return table(lambda a: None if a.seen is None else float(name in a.seen))

        def graded(name: str) -> np.ndarray:
            return table(lambda a: a.useful.get(name))

        outlined = sorted({name for film in films for name in film.overlays})
        known = sorted({name for film in films for name in (*film.shows, *film.lacks)})
        return cls(
            readers,
            np.array([film.kind == "real" for film in films]),
            table(lambda a: a.authentic),
            table(lambda a: a.quality),
            {name: ticked(name) for name in key.sealed.findings},
            {name: graded(name) for name in outlined},
            {name: np.array([name in film.shows for film in films]) for name in known},
            {name: np.array([name in film.lacks for film in films]) for name in known},
        )
