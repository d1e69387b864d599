"""Thresholds read off real held-out radiographs: ``synthorax calibrate --data DIR``.

Each filter scores material that ought to pass: real images with what is known of them. Its threshold
is the score that a stated percentile of them would not reach (:class:`filters.filter.Calibration`).
``near_duplicate`` scores what ought not to pass: copies, most of which it is to refuse, for how near others
come depends on how many there are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from filters.experts.embedded import CHECKPOINTS
from filters.experts.embedding import INDEX, Memory, TrainingIndex
from filters.experts.ensemble import load_anatomy, load_findings
from filters.filter import Evidence, Filter
from filters.registry import SHIPPED, THRESHOLDS_FILE
from filters.thresholds import Threshold, calibrate, dump_thresholds
from flows.evaluation.features import embeddings
from flows.material.real import Radiographs, load_lungs, part_of
from flows.material.scenes import NIH_FINDING, Scenes, load_scenes
from flows.training.augment import disguise
from synth.cases import Candidate, Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES

COMMAND = "synthorax calibrate --data DIR"
#: Seed of the copies.
SEED = 0


@dataclass(frozen=True)
class Material:
    """The real data that thresholds are read off, each part read when it is first asked for.

    ``work`` keeps the simulated scenes of the trainings (``runs/``); nothing here was trained on.
    """

    data: Path
    work: Path

    @cached_property
    def scenes(self) -> tuple[Radiographs, Scenes, Scenes]:
        """NIH's films, a scene of each, and simulated ones."""
        return load_scenes(self.data, self.work)

    @cached_property
    def held(self) -> np.ndarray:
        """Indices of the NIH films that no expert learned from."""
        return np.flatnonzero(self.scenes[0].parts != "train")

    @cached_property
    def vectors(self) -> np.ndarray:
        """(M, D) float32: their embeddings."""
        return embeddings(self.scenes[1].images[self.held])

    def films(self) -> Iterator[Evidence]:
        """Held-out NIH films with their labels, opinions of the finding experts, and the training index."""
        nih, real, _ = self.scenes
        index = TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX)
        opinions = load_findings().look(real.images[self.held])
        for i, opinion, vector in zip(self.held, opinions, self.vectors, strict=True):
            yield Evidence(_candidate(real.images[i], _labels(nih, i)), opinion, vector, index=index)

    def lungs(self) -> Iterator[Evidence]:
        """Held-out human lung masks, with opinions of the anatomy experts."""
        images, lungs, names = load_lungs(self.data, 256)
        held = [i for i, n in enumerate(names) if part_of(n) != "train"]
        for i, opinion in zip(held, load_anatomy().look(images[held]), strict=True):
            anatomy = np.zeros((len(ANATOMY), *images.shape[1:]), bool)
            anatomy[:2] = lungs[i]
            yield Evidence(_candidate(images[i], (), MaskSet(anatomy)), opinion)

    def lesions(self) -> Iterator[Evidence]:
        """Lesions simulated in held-out films, with opinions of the finding experts.

        Few at a time: an opinion's maps take some megabytes.
        """
        expert = load_findings()
        candidates = list(_held_out_lesions(*self.scenes[::2]))
        for start in range(0, len(candidates), 64):
            some = candidates[start : start + 64]
            opinions = expert.look(np.stack([c.image for c in some]))
            yield from (Evidence(c, o) for c, o in zip(some, opinions, strict=True))

    def disguises(self) -> Iterator[Evidence]:
        """Held-out films moved a little or exposed otherwise, where the film itself is remembered."""
        real = self.scenes[1].images[self.held]
        for images in disguise(real, SEED).values():
            for image, film, copy in zip(images, self.vectors, embeddings(images), strict=True):
                yield Evidence(_candidate(image), embedding=copy, memory=Memory(["film"], [film]))


#: What a filter's :class:`~filters.filter.Calibration` may name.
MATERIAL: Mapping[str, Callable[[Material], Iterator[Evidence]]] = {
    "films": Material.films,
    "lungs": Material.lungs,
    "lesions": Material.lesions,
    "disguises": Material.disguises,
}


def calibrate_filters(data: Path, work: Path, target: Path = THRESHOLDS_FILE) -> Path:
    """Score the material of each shipped filter, write ``target`` (JSON) and return it."""
    material = Material(data, work)
    scores: dict[str, list[float]] = {f.name: [] for f in SHIPPED}
    for name, read in MATERIAL.items():
        asked = [f for f in SHIPPED if f.calibration and f.calibration.material == name]
        for evidence in read(material):
            for each in asked:
                scores[each.name].append(each.score(evidence).value)
    target.write_text(dump_thresholds({f.name: _threshold(f, scores[f.name]) for f in SHIPPED}))
    return target


def _threshold(asked: Filter, scores: list[float]) -> Threshold:
    how = asked.calibration
    assert how is not None, f"{asked.name} ships without a calibration"
    return calibrate(scores, asked.keep, how.percentile, how.reference, COMMAND)


def _candidate(
    image: np.ndarray, requests: tuple[FindingRequest, ...] = (), masks: MaskSet | None = None
) -> Candidate:
    """A real image as if it had been asked for."""
    empty = MaskSet(np.zeros((len(ANATOMY), *image.shape), bool))
    return Candidate(Case("0", 0, "", requests), masks or empty, image)


def _labels(nih: Radiographs, index: np.integer) -> tuple[FindingRequest, ...]:
    names = {NIH_FINDING[label] for label in nih.labels[index] if label in NIH_FINDING}
    return tuple(FindingRequest(n) for n in sorted(names))


def _held_out_lesions(nih: Radiographs, scenes: Scenes) -> Iterator[Candidate]:
    """Simulated scenes whose radiograph was not trained on."""
    for i in np.flatnonzero(nih.parts[scenes.base] != "train"):
        anatomy, lesions = scenes.masks(np.array([i]))
        drawn = [Lesion(FINDING_NAMES[k], m > 0) for k, m in enumerate(lesions[0]) if m.any()]
        if drawn:
            requests = tuple(FindingRequest(m.finding) for m in drawn)
            yield _candidate(scenes.images[i], requests, MaskSet(anatomy[0] > 0, tuple(drawn)))
