"""How many films are copies of one that the image model learned from, in three spaces, and how many copies
made on purpose are found. These films lie among the real ones, so that no index of them has to ship."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from scipy.stats import binomtest

from flows.config.terminal import tell
from flows.evaluation.memorisation import PERCENTILE, nearest
from flows.evaluation.sets.copy_spaces import SIDE, CopySpaces, Space
from flows.evaluation.sets.fidelity import FEWEST, figure, refused
from flows.evaluation.sets.films import Generated, spread
from flows.evaluation.sets.forged import forge
from flows.evaluation.sets.groups import Group
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.real import NIH, RealSet
from flows.figures.fidelity import halves
from flows.figures.figure import Figure
from flows.figures.resampling import Estimate
from flows.material.films import RealFilms, load_real
from flows.material.learned import Learned, Row, learned_by
from flows.material.trained import expert_anatomy, unmarked
from synth.weights import SHIPPED

#: Films learned from that copies are made of, and draws of halves of the unseen films.
COPIES, DRAWS = 96, 200
#: Names of the figures: the share of copies, and of copies made on purpose that are found.
NAME, FOUND = "copies_learned", "copies_found"


@dataclass(frozen=True)
class Material:
    """Films at SIDE pixels: those that a ``model`` learned from, by folder, and ``unseen`` ones; ``absent``
    folders are not there."""

    model: str
    learned: dict[str, RealFilms]
    unseen: RealFilms
    absent: tuple[str, ...] = ()

    @property
    def images(self) -> np.ndarray:
        """(N, SIDE, SIDE) uint8: all that were learned from."""
        return np.concatenate([films.images for films in self.learned.values()])

    def lacks(self) -> str:
        """Why these do not suffice, "" where they do."""
        count = sum(map(len, self.learned.values()))
        if min(count, len(self.unseen)) >= FEWEST:
            return ""
        told = f"{count} films that the {self.model} image model learned from"
        return f"DIR has {told} and {len(self.unseen)} unseen ones, expected {FEWEST} of each at least"

    def forged(self) -> dict[str, np.ndarray]:
        """By kind, copies of COPIES of the first folder's films, evenly spread, made of films without letters
        as the model saw them."""
        films = next(films for films in self.learned.values() if len(films))
        chosen = set(spread(sorted(films.names), COPIES))
        some = films.take([i for i, name in enumerate(films.names) if name in chosen])
        anatomy = expert_anatomy(SHIPPED, some.images)
        return forge(replace(some, images=unmarked(some.images, anatomy)), anatomy)

    def in_words(self, found: Mapping[str, np.ndarray]) -> str:
        """What was learned from, and which share of each kind of forged films is ``found``."""
        folders = " and ".join(f"{len(films):,} of {name}" for name, films in self.learned.items())
        folders += "".join(f", {name} is not there" for name in self.absent)
        told = ", ".join(f"{near.mean():.0%} {kind}" for kind, near in found.items())
        count = len(next(iter(found.values())))
        return f"learned from: {folders}, at {SIDE} pixels; of {count} copies made on purpose it finds {told}"


def learned_figures(
    kept: Kept, generated: Generated, real: RealSet, groups: list[Group], console: Console
) -> Iterator[Figure]:
    """Of a build: the share of films nearer to one that its image model learned from than 99 % of unseen real
    films are, and the share of copies made on purpose that this rule finds. Of a folder of images nothing."""
    if not generated.asked:
        return
    if why := _unknown(generated, real):
        yield refused(NAME, "", why)
        return
    material = read_material(real, learned_by(generated.model), console)
    if why := material.lacks():
        yield refused(NAME, "", why)
        return
    spaces = CopySpaces()
    learned, unseen, made = (
        spaces.rows(kept, films) for films in (material.images, material.unseen.images, generated.images)
    )
    forged = {kind: spaces.rows(kept, films) for kind, films in material.forged().items()}
    for name in learned:
        judge = spaces.judge(name, generated.weights)
        axes = spaces.axes(name, learned[name])
        rule = Rule.of(axes, learned[name], unseen[name], material.unseen.patients)
        found = {kind: rule.near(rows[name]) for kind, rows in forged.items()}
        which = material.in_words(found)
        for group in groups:
            yield rule.figure(judge, made[name][group.generated], group.name, which)
        for kind, near in found.items():
            yield rule.recall(judge, near, kind)


@dataclass(frozen=True)
class Rule:
    """A copy lies nearer to a film learned from, (L, D), than 99 % of the unseen films, whose distances are
    ``unseen`` (U,). By patient, one half of these has a ``floor`` of films nearer than the other's limit."""

    axes: Space
    learned: np.ndarray
    unseen: np.ndarray
    limit: float
    floor: float

    @classmethod
    def of(cls, axes: Space, learned: np.ndarray, unseen: np.ndarray, patients: np.ndarray) -> "Rule":
        """From rows of one space, (N, F), of films learned from and of unseen ones."""
        points = axes(learned)
        distances = nearest(axes(unseen), points).distance
        rng, shares = np.random.default_rng(0), [0.0]
        for _ in range(DRAWS):
            one, other = (distances[side] for side in halves(patients, rng))
            if len(one) and len(other):
                shares.append(float((one < np.percentile(other, PERCENTILE)).mean()))
        limit = float(np.percentile(distances, PERCENTILE))
        return cls(axes, points, distances, limit, float(np.mean(shares[1:] or shares)))

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """(N,) of rows (N, F) to the nearest film learned from."""
        return nearest(self.axes(rows), self.learned).distance

    def near(self, rows: np.ndarray) -> np.ndarray:
        """(N,) bool: whether it is a copy by this rule."""
        return self.distances(rows) < self.limit

    def figure(self, judge: str, rows: np.ndarray, group: str, which: str) -> Figure:
        """The share of copies among generated films."""
        counts = {"generated": len(rows), "learned from": len(self.learned), "unseen": len(self.unseen)}
        if not len(rows):
            return refused(NAME, judge, "no such film", group, **counts)
        distances = self.distances(rows)
        near = distances < self.limit
        estimate = _share(near, {**counts, "near": int(near.sum())}, self.floor)
        medians = f"median distance {np.median(distances):.3f}, of unseen films {np.median(self.unseen):.3f}"
        how = f"share nearer than {self.limit:.3f}, as 1 % of unseen films are; exact binomial interval"
        return figure(NAME, judge, estimate, group, f"{how}; {medians}; {which}")

    def recall(self, judge: str, near: np.ndarray, kind: str) -> Figure:
        """The share of copies made on purpose that are ``near`` (N,) enough."""
        counts = {"copies": len(near), "found": int(near.sum()), "learned from": len(self.learned)}
        how = "copies made on purpose that the rule finds; exact binomial interval"
        return figure(FOUND, judge, _share(near, counts), f"copy={kind}", how)


def _share(which: np.ndarray, counts: dict[str, int], floor: float | None = None) -> Estimate:
    count = int(which.sum())
    span = binomtest(count, len(which)).proportion_ci(method="exact")
    return Estimate(count / len(which), span.low, span.high, floor, counts)


def _unknown(generated: Generated, real: RealSet) -> str:
    """Why nobody can say what the image model learned from, "" where one can."""
    if not generated.model:
        return "the build does not say that an image model of ours drew it from nothing"
    if real.layout is None:
        return f"expected --real with the films that the {generated.model} image model learned from"
    return ""


def read_material(real: RealSet, learned: Learned, console: Console) -> Material:
    """The films that the model learned from, as far as they are there, and those that it never met."""
    data, damaged = real.layout, list[str]()
    assert data is not None
    tell(console, f"reading the films that the {learned.model} image model learned from")

    def load(folder: str, keep: Callable[[Row], bool]) -> RealFilms:
        return load_real(data, folder, SIDE, keep=keep, damaged=damaged)

    there = [folder for folder in learned.folders if (data / folder / "labels.csv").is_file()]
    found = {folder: load(folder, learned.learned) for folder in there}
    unseen = load(NIH, learned.unseen)
    for line in damaged:
        tell(console, f"{line}: left out")
    return Material(learned.model, found, unseen, tuple(f for f in learned.folders if f not in there))
