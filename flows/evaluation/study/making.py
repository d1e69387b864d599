"""A kit: the page for readers, the key for its maker, and what the study can tell."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.evaluation.study.film import Film, known, without_letters
from flows.evaluation.study.key import (
    KEY,
    PAGE,
    README,
    VERSION,
    BuildIdentity,
    Key,
    Sealed,
    seal_of,
    sealed_films,
)
from flows.evaluation.study.page import picture, readme, study_page, title
from flows.evaluation.study.real_films import candidates, real_films
from flows.evaluation.study.synthetic_films import synthetic_films
from flows.figures.power import ALPHA, POWER, effective, smallest_difference
from manifests.films.bounds import MEGAPIXELS
from manifests.index import read_index
from manifests.marks import tool
from manifests.measured import build_identity
from manifests.store import Store
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.seeding import numpy_generator

#: Of each kind; a page of more is nothing that anybody reads.
MOST_FILMS = 5000


@dataclass(frozen=True)
class Plan:
    """``films`` of each kind; ``findings`` that are asked about, None: all that occur; ``readers`` planned,
    and the ``correlation`` of two readers' answers to a film, in [0, 1]; ``seed`` None: a secret one."""

    films: int
    findings: tuple[str, ...] | None = None
    readers: int = 3
    correlation: float = 0.2
    seed: int | None = None
    megapixels: int = MEGAPIXELS
    #: Real films by their file's name; a synthetic one that is left out by eye would be cherry-picking.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kit:
    """What was made: ``seal``, and lines for its maker."""

    seal: str
    lines: list[str]


def make(build: str, real: Path, out: Path, plan: Plan, tell: Callable[[str], None]) -> Kit:
    """Writes the page, README and, last, the key into ``out``; what the maker should know meanwhile is told.

    :raises UserError: in one line, also for a folder that holds a kit.
    """
    _check(out, plan)
    store, target = Store(build), Store(out)
    identity = build_identity(store)
    seed = secrets.randbits(63) if plan.seed is None else plan.seed
    made = synthetic_films(store, plan.films, numpy_generator(seed, "synthetic", "study"))
    there = candidates(real, out, plan.left_out)
    found = real_films(there, made, numpy_generator(seed, "real", "study"), tell, plan.megapixels)
    if read_index(store) is None:
        tell(f"{build}: is not finished; the study is of what is committed so far")
    order = numpy_generator(seed, "order", "study").permutation(2 * plan.films)
    films = [[*made, *found][i] for i in order]
    findings = _asked(films, plan.findings, build, tell)
    images = without_letters(np.stack([film.image for film in films]))
    pictures = [picture(image) for image in images]
    sealed = Sealed(
        version=VERSION,
        seed=seed,
        size=int(images.shape[-1]),
        build=BuildIdentity(**identity),
        real=str(real),
        left_out=sorted(plan.left_out),
        software=tool(),
        findings=findings,
        films=sealed_films([known(film) for film in films], pictures),
    )
    seal = seal_of(sealed)
    page = study_page(seal, findings, sealed.films, films, pictures)
    lines = _summary(films, findings, plan, len(page))
    target.publish(PAGE, page)
    target.publish(README, readme(seal, lines))
    target.publish(KEY, Key(seal=seal, page_sha256=hashlib.sha256(page).hexdigest(), sealed=sealed).to_json())
    return Kit(seal, lines)


def _check(out: Path, plan: Plan) -> None:
    if not 1 <= plan.films <= MOST_FILMS:
        raise UserError(f"--films: {plan.films}, expected 1 to {MOST_FILMS}")
    if plan.readers < 1:
        raise UserError(f"--readers: {plan.readers}, expected 1 or more")
    if not 0 <= plan.correlation <= 1:
        raise UserError(f"--correlation: {plan.correlation}, expected 0 to 1")
    for name in plan.findings or ():
        if name not in FINDING_NAMES:
            raise UserError(f"--finding: {name!r:.60}, expected one of {', '.join(FINDING_NAMES)}")
    if out.is_dir() and any(out.iterdir()) and not (out / PAGE).is_file():
        raise UserError(f"--out {out}: is not empty, expected a new folder")
    if (out / KEY).exists():
        raise UserError(f"--out {out}: holds a study whose key would be lost, expected a new folder")


def _asked(
    films: Sequence[Film], wanted: tuple[str, ...] | None, build: str, tell: Callable[[str], None]
) -> list[str]:
    """Findings that readers are asked about, in our order."""
    there = {name for film in films if film.kind == "synthetic" for name in film.shows}
    if absent := [name for name in wanted or () if name not in there]:
        raise UserError(
            f"--finding: {absent[0]} is on none of the films drawn from {build}, expected one that is"
        )
    if not there:
        tell(
            f"{build}: no finding is on any of its films; authenticity and quality will be measured, what "
            "readers see and the use of outlines will not"
        )
    return [name for name in FINDING_NAMES if name in (there if wanted is None else wanted)]


def _summary(films: Sequence[Film], findings: Sequence[str], plan: Plan, size: int) -> list[str]:
    count = plan.films
    lines = [f"{count} synthetic and {count} real films, {size / 1e6:.1f} MB"]
    shown = Counter(name for film in films if film.kind == "synthetic" for name in film.shows)
    if findings:
        told = ", ".join(f"{title(name)} {shown[name]}" for name in findings)
        lines.append(f"findings asked about, and on how many synthetic films each is: {told}")
    outlined = {
        kind: sum(bool(f.overlays) for f in films if f.kind == kind) for kind in ("synthetic", "real")
    }
    lines.append(f"outlines are on {outlined['synthetic']} synthetic and {outlined['real']} real films")
    return [*lines, *_power(plan)]


def _power(plan: Plan) -> list[str]:
    """In words, what can be told from guessing."""
    rows = (
        (f"films told real from synthetic, one reader, {2 * plan.films} films", 2 * plan.films, 1),
        (f"the same, {plan.readers} readers", 2 * plan.films, plan.readers),
        (f"synthetic films taken for real, as many readers, {plan.films} films", plan.films, plan.readers),
    )
    lines = [
        f"power {POWER:.0%} at a two-sided {ALPHA:.0%} against 50 % (exact binomial; two readers' answers to "
        f"a film correlate by {plan.correlation:g}, which is assumed):"
    ]
    for what, films, readers in rows:
        answers = effective(films, readers, plan.correlation)
        least = smallest_difference(answers)
        says = "no difference, too few films" if least is None else f"a share from {0.5 + least:.1%} on"
        lines.append(f"{what}, worth {answers} independent answers: {says}")
    return lines
