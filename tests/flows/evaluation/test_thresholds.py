"""Shipped thresholds come from held-out real data and can be read off it again."""

from itertools import islice

import numpy as np
import pytest

from filters.registry import FILTERS, THRESHOLDS
from filters.thresholds import calibrate
from flows.evaluation.features import embeddings
from flows.evaluation.thresholds import COMMAND, MATERIAL, Material
from flows.material.real import load_nih
from flows.training.augment import disguise


@pytest.mark.parametrize("name", list(FILTERS))
def test_every_threshold_is_calibrated_and_says_on_what(name):
    shipped, how = THRESHOLDS[name], FILTERS[name].calibration
    assert (shipped.percentile, shipped.reference) == (how.percentile, how.reference)
    assert how.material in MATERIAL
    assert shipped.n * shipped.percentile >= 100
    assert shipped.command == COMMAND


def test_the_anatomy_threshold_repeats_from_the_real_masks(shared_data):
    shipped, asked = THRESHOLDS["anatomy_agreement"], FILTERS["anatomy_agreement"]
    scores = [asked.score(evidence).value for evidence in Material(shared_data).lungs()]
    again = calibrate(scores, asked.keep, 10.0, shipped.reference, COMMAND)
    assert again.n == shipped.n
    assert again.threshold == pytest.approx(shipped.threshold, abs=0.002)


def test_copies_are_near_duplicates_and_other_patients_are_not(shared_data):
    nih = load_nih(shared_data)
    held = np.flatnonzero(nih.parts != "train")
    held = held[np.unique(nih.patients[held], return_index=True)[1]][:160]
    films = nih.images[held]
    known = embeddings(films)
    limit = FILTERS["near_duplicate"].threshold
    for kind, least in (("moved", 0.8), ("exposed", 1.0)):
        copies = disguise(films, seed=1)[kind]
        apart = 1 - embeddings(copies) @ known.T
        assert (apart.diagonal() < limit).mean() >= least, kind
        np.fill_diagonal(apart, np.inf)
        assert apart.min() >= limit, kind


def test_boxed_films_claim_what_radiologists_boxed_and_nothing_else(shared_data):
    some = list(islice(Material(shared_data).boxed(), 64))
    for evidence in some:
        case, masks = evidence.candidate.case, evidence.candidate.masks
        assert case.findings
        assert not case.complete
        assert {m.finding for m in masks.lesions} == {f.name for f in case.findings}
        assert all(0 < m.mask.mean() < 0.9 for m in masks.lesions)
        assert masks.lungs.mean() > 0.05
