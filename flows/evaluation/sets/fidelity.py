"""Figures of generated films as a set: distances in feature spaces, diversity, detail, radiomics."""

from collections.abc import Iterator, Sequence

import numpy as np

from flows.evaluation.sets import radiomics
from flows.evaluation.sets.films import Generated
from flows.evaluation.sets.groups import Group
from flows.evaluation.sets.real import RealSet
from flows.figures.fidelity import Clouds, halves
from flows.figures.figure import Figure
from flows.figures.likeness import BOUNDS, comparable, likeness, told_apart
from flows.figures.resampling import Estimate
from flows.figures.similarity import FOUR, similarity_within
from flows.figures.spectrum import detail_band, detail_gap, radial_powers

#: Films a side that are compared at least; of fewer no figure is given.
FEWEST = 20


def figure(name: str, judge: str, estimate: Estimate, group: str = "all", note: str = "") -> Figure:
    """An estimate as a figure."""
    e = estimate
    return Figure(name, judge, e.value, e.low, e.high, e.floor, group, e.counts, note)


def refused(name: str, judge: str, why: str, group: str = "all", **counts: int) -> Figure:
    """A figure that was not measured."""
    return Figure(name, judge, None, group=group, counts=counts, note=f"not measured: {why}")


def too_few(group: Group) -> str:
    """Why a group cannot be compared, "" where it can be."""
    made, real = int(group.generated.sum()), int(group.real.sum())
    if made < FEWEST or real < 2 * FEWEST:
        return f"{made} generated and {real} real films, expected {FEWEST} and {2 * FEWEST} at least"
    return ""


def in_space(
    judge: str, made: np.ndarray, real: np.ndarray, patients: np.ndarray, group: Group, test: bool = True
) -> Iterator[Figure]:
    """Every figure of one group in one space: ``made`` (M, F), ``real`` (N, F); with or without the
    two-sample ``test``."""
    names = [*BOUNDS, *(["two_sample_auc"] if test else [])]
    counts = {"generated": int(group.generated.sum()), "real": int(group.real.sum())}
    clouds = Clouds(made[group.generated], real[group.real], patients[group.real])
    why = too_few(group)
    if not why and comparable(clouds) < FEWEST:
        why = f"halves of {counts['real']} real films by patient have fewer than {FEWEST}"
    if why:
        yield from (refused(n, judge, why, group.name, **counts) for n in names)
        return
    for name, estimate in likeness(clouds).items():
        yield figure(name, judge, estimate, group.name, _note(name, estimate, made.shape[1]))
    if test:
        yield figure("two_sample_auc", judge, told_apart(clouds), group.name, "0.5: cannot be told apart")


def _note(name: str, estimate: Estimate, dimensions: int) -> str:
    if name != "fd":
        return ""
    ratio = f"{estimate.value / estimate.floor:.2f} times its floor" if estimate.floor else ""
    few = estimate.counts["compared"] <= dimensions
    return (
        f"{ratio}; fewer films than the {dimensions} features: mind the floor, not the value"
        if few
        else ratio
    )


def of_pixels(generated: Generated, real: RealSet, groups: Sequence[Group]) -> Iterator[Figure]:
    """Diversity, detail and radiomics of whole groups."""
    films = real.films.images
    theirs = radial_powers(films)
    some = generated.side >= FOUR and not all(map(too_few, groups))
    alike = similarity_within(films, real.films.patients) if some else None
    for group in groups:
        yield from _of_pixels(generated, real, group, films, theirs, alike)


def _of_pixels(
    generated: Generated,
    real: RealSet,
    group: Group,
    films: np.ndarray,
    theirs: np.ndarray,
    alike: Estimate | None,
) -> Iterator[Figure]:
    made, why = generated.images[group.generated], too_few(group)
    if why:
        for name, judge in (("ms_ssim", "torchmetrics"), ("spectrum_gap", "power spectrum")):
            yield refused(name, judge, why, group.name, generated=len(made), real=len(films))
    else:
        yield _diversity(made, len(films), alike, group.name)
        low, high = detail_band(generated.side)
        gap = detail_gap(radial_powers(made), theirs, real.films.patients)
        note = f"decades of power at {low} to {high} cycles an image; below 0: smoother than real films"
        yield figure("spectrum_gap", "power spectrum", gap, group.name, note)
    yield radiomics.distance(made, films, real.films.patients, group.name, why)


def spectra(generated: Generated, real: RealSet) -> dict[str, np.ndarray]:
    """Power (S // 2 + 1,) by cycles per image: of generated films, real ones, and both halves of these."""
    powers = radial_powers(real.films.images)
    sides = halves(real.films.patients, np.random.default_rng(0))
    named = zip(("one half of the real", "the other half"), sides, strict=True)
    return {
        "generated": radial_powers(generated.images).mean(0),
        "real": powers.mean(0),
        **{name: powers[side].mean(0) for name, side in named if len(side)},
    }


def _diversity(made: np.ndarray, real: int, alike: Estimate | None, group: str) -> Figure:
    if alike is None:
        return refused("ms_ssim", "torchmetrics", f"{made.shape[-1]} pixels a side, expected {FOUR}", group)
    ours = similarity_within(made, np.arange(len(made)))
    counts = {"generated": len(made), "real": real, **ours.counts}
    estimate = Estimate(ours.value, ours.low, ours.high, alike.value, counts)
    note = "of pairs; the floor is that of pairs of real films: above it, films are too alike"
    return figure("ms_ssim", "torchmetrics", estimate, group, note)
