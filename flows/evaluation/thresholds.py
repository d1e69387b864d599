"""Thresholds read off real held-out radiographs: ``synthorax calibrate --data DIR``.

Each filter scores material that ought to pass: real images with what is known of them. Its threshold
is the score that a stated percentile of them would not reach (:class:`filters.filter.Calibration`).
``near_duplicate`` scores what ought not to pass: copies, most of which it is to refuse, for how near others
come depends on how many there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from filters.experts.embedded import CHECKPOINTS
from filters.experts.embedding import INDEX, Memory, TrainingIndex
from filters.experts.ensemble import load_anatomy, load_findings
from filters.experts.opinion import Opinion
from filters.experts.outlines import anatomy_masks
from filters.filter import Evidence, Filter
from filters.registry import SHIPPED, THRESHOLDS_FILE
from filters.thresholds import Threshold, calibrate, dump_thresholds
from flows.evaluation.features import embeddings
from flows.figures.findings import MAPS, covered
from flows.material.films import SHOWN, Box, Part, load_real
from flows.material.real import load_lungs, load_nih, part_of
from flows.material.trained import expert_anatomy, unmarked
from flows.training.augment import disguise
from synth.cases import Candidate, Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES

COMMAND = "synthorax calibrate --data DIR"
#: Seed of the copies.
SEED = 0
#: Whose films the experts' thresholds are read off: those that the experts were calibrated on, never learned
#: from; what is tested stays unseen.
THRESHOLDS_PART: Final[Part] = "evaluators"
#: Kinds of box that mean one of the findings.
BOXES: Final = tuple(label for label, name in MAPS.items() if name in FINDING_NAMES)


@dataclass(frozen=True)
class Material:
    """The real data that thresholds are read off, each part read when it is first asked for.

    Nothing here was trained on.
    """

    data: Path

    @cached_property
    def held(self) -> np.ndarray:
        """(M, S, S) uint8: NIH's films that no generator or anatomy expert learned from, unmarked."""
        nih = load_nih(self.data)
        images = nih.images[nih.parts != "train"]
        return unmarked(images, expert_anatomy(CHECKPOINTS, images))

    @cached_property
    def vectors(self) -> np.ndarray:
        """(M, D) float32: their embeddings."""
        return embeddings(self.held)

    def films(self) -> Iterator[Evidence]:
        """Held-out NIH films, and the training index."""
        index = TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX)
        for image, vector in zip(self.held, self.vectors, strict=True):
            yield Evidence(_candidate(image), embedding=vector, index=index)

    def lungs(self) -> Iterator[Evidence]:
        """Held-out human lung masks, with opinions of the anatomy experts."""
        images, lungs, names = load_lungs(self.data, 256)
        held = [i for i, n in enumerate(names) if part_of(n) != "train"]
        for i, opinion in zip(held, load_anatomy().look(images[held]), strict=True):
            anatomy = np.zeros((len(ANATOMY), *images.shape[1:]), bool)
            anatomy[:2] = lungs[i]
            yield Evidence(_candidate(images[i], (), MaskSet(anatomy)), opinion)

    def boxed(self) -> Iterator[Evidence]:
        """Films in which radiologists boxed findings, with opinions of the finding experts: their boxes as
        lesions, and nothing claimed of what they did not box."""
        films = load_real(self.data, "nih", SHOWN, THRESHOLDS_PART)
        some = films.take(np.flatnonzero(films.boxed(*BOXES)))
        organs = load_anatomy().look(some.images)
        yield from _heard([_boxed(*each) for each in zip(some.images, organs, some.boxes, strict=True)])

    def graded(self) -> Iterator[Evidence]:
        """As :meth:`boxed`, and films that radiologists graded normal, on which every finding is absent."""
        yield from self.boxed()
        films = load_real(self.data, "nih", SHOWN, THRESHOLDS_PART)
        yield from _heard([_candidate(image) for image in films.images[films.grades == "normal"]])

    def disguises(self) -> Iterator[Evidence]:
        """Held-out films moved a little or exposed otherwise, where the film itself is remembered."""
        for images in disguise(self.held, SEED).values():
            for image, film, copy in zip(images, self.vectors, embeddings(images), strict=True):
                yield Evidence(_candidate(image), embedding=copy, memory=Memory(["film"], [film]))


#: What a filter's :class:`~filters.filter.Calibration` may name.
MATERIAL: Mapping[str, Callable[[Material], Iterator[Evidence]]] = {
    "films": Material.films,
    "lungs": Material.lungs,
    "boxed": Material.boxed,
    "graded": Material.graded,
    "disguises": Material.disguises,
}


def calibrate_filters(data: Path, target: Path = THRESHOLDS_FILE) -> Path:
    """Score the material of each shipped filter, write ``target`` (JSON) and return it."""
    material = Material(data)
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


def _heard(candidates: Sequence[Candidate]) -> Iterator[Evidence]:
    """With opinions of the finding experts, few at a time: an opinion's maps take some megabytes."""
    expert = load_findings()
    for start in range(0, len(candidates), 64):
        some = candidates[start : start + 64]
        opinions = expert.look(np.stack([c.image for c in some]))
        yield from (Evidence(c, o) for c, o in zip(some, opinions, strict=True))


def _boxed(image: np.ndarray, organs: Opinion, boxes: Sequence[Box]) -> Candidate:
    labels = [label for label in dict.fromkeys(b[0] for b in boxes) if label in BOXES]
    lesions = tuple(Lesion(MAPS[label], covered(boxes, label, image.shape[0])) for label in labels)
    requests = tuple(FindingRequest(name) for name in dict.fromkeys(MAPS[label] for label in labels))
    return _candidate(image, requests, MaskSet(anatomy_masks(organs), lesions), complete=False)


def _candidate(
    image: np.ndarray,
    requests: tuple[FindingRequest, ...] = (),
    masks: MaskSet | None = None,
    complete: bool = True,
) -> Candidate:
    """A real image as if it had been asked for."""
    empty = MaskSet(np.zeros((len(ANATOMY), *image.shape), bool))
    return Candidate(Case("0", 0, "", requests, complete=complete), masks or empty, image)
