"""Thresholds read off real held-out radiographs: ``synthorax calibrate --data DIR``.

Each filter scores material that ought to pass: real images with what is known of them. Its threshold
is the score that a stated percentile of them would not reach. ``near_duplicate`` scores what ought not to
pass: copies, most of which it is to refuse, for how near others come depends on how many there are.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from filters import anatomy_agreement, finding_agreement, integrity, lesion_agreement
from filters.experts.embedded import CHECKPOINTS
from filters.experts.embedding import INDEX, TrainingIndex, cosine_distances
from filters.experts.ensemble import load_anatomy, load_findings
from filters.experts.opinion import Expert
from filters.registry import FILTERS, THRESHOLDS_FILE
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

#: Share of the reference in percent that each threshold refuses. A copy does more harm than a lost image.
PERCENTILES = {
    "integrity": 1.0,
    "anatomy_agreement": 10.0,
    "finding_agreement": 10.0,
    "lesion_agreement": 10.0,
    "near_duplicate": 95.0,
    "training_copy": 3.0,
}


def calibrate_filters(data: Path, work: Path, target: Path = THRESHOLDS_FILE) -> Path:
    """Score the references, write ``target`` (JSON) and return it.

    ``work`` keeps the simulated scenes of the trainings (``runs/``); none of the images scored here
    was trained on.
    """
    nih, real, scenes = load_scenes(data, work)
    held = np.flatnonzero(nih.parts != "train")
    index = TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX)
    vectors = embeddings(real.images[held])
    findings = load_findings()
    seen = findings.look(real.images[held])
    lesions = list(_held_out_lesions(nih, scenes))
    scores: dict[str, tuple[str, list[float]]] = {
        "integrity": (
            "held-out NIH radiographs, exposure normalised",
            [integrity.score(_candidate(real.images[i])).value for i in held],
        ),
        "anatomy_agreement": ("held-out radiographs with human lung masks", lung_scores(data)),
        "finding_agreement": (
            "held-out NIH radiographs with their labels",
            [
                finding_agreement.score(_candidate(real.images[i], _labels(nih, i)), o).value
                for i, o in zip(held, seen, strict=True)
            ],
        ),
        "lesion_agreement": (
            "lesions simulated in held-out normal NIH radiographs",
            list(_lesion_scores(findings, lesions)),
        ),
        "near_duplicate": (
            "held-out NIH radiographs moved a little or exposed otherwise, against themselves",
            [
                float(cosine_distances(a, b[None])[0])
                for images in disguise(real.images[held], SEED).values()
                for a, b in zip(vectors, embeddings(images), strict=True)
            ],
        ),
        "training_copy": (
            "held-out NIH radiographs against the nearest training image",
            [index.nearest(v)[0] for v in vectors],
        ),
    }
    thresholds: dict[str, Threshold] = {
        name: calibrate(values, FILTERS[name].keep, PERCENTILES[name], reference, COMMAND)
        for name, (reference, values) in scores.items()
    }
    target.write_text(dump_thresholds(thresholds))
    return target


def _candidate(
    image: np.ndarray, requests: tuple[FindingRequest, ...] = (), masks: MaskSet | None = None
) -> Candidate:
    """A real image as if it had been asked for."""
    empty = MaskSet(np.zeros((len(ANATOMY), *image.shape), bool))
    return Candidate(Case("0", 0, "", requests), masks or empty, image)


def _labels(nih: Radiographs, index: np.integer) -> tuple[FindingRequest, ...]:
    names = {NIH_FINDING[label] for label in nih.labels[index] if label in NIH_FINDING}
    return tuple(FindingRequest(n) for n in sorted(names))


def lung_scores(data: Path) -> list[float]:
    """Anatomy scores of held-out human lung masks."""
    images, lungs, names = load_lungs(data, 256)
    held = [i for i, n in enumerate(names) if part_of(n) != "train"]
    opinions = load_anatomy().look(images[held])
    out = []
    for i, opinion in zip(held, opinions, strict=True):
        anatomy = np.zeros((len(ANATOMY), *images.shape[1:]), bool)
        anatomy[:2] = lungs[i]
        out.append(anatomy_agreement.score(_candidate(images[i], (), MaskSet(anatomy)), opinion).value)
    return out


def _lesion_scores(expert: Expert, lesions: list[Candidate]) -> Iterator[float]:
    """Few at a time: an opinion's maps take some megabytes."""
    for start in range(0, len(lesions), 64):
        some = lesions[start : start + 64]
        opinions = expert.look(np.stack([c.image for c in some]))
        yield from (lesion_agreement.score(c, o).value for c, o in zip(some, opinions, strict=True))


def _held_out_lesions(nih: Radiographs, scenes: Scenes) -> Iterator[Candidate]:
    """Simulated scenes whose radiograph was not trained on."""
    for i in np.flatnonzero(nih.parts[scenes.base] != "train"):
        anatomy, lesions = scenes.masks(np.array([i]))
        drawn = [Lesion(FINDING_NAMES[k], m > 0) for k, m in enumerate(lesions[0]) if m.any()]
        if drawn:
            requests = tuple(FindingRequest(m.finding) for m in drawn)
            yield _candidate(scenes.images[i], requests, MaskSet(anatomy[0] > 0, tuple(drawn)))
