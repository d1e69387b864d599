"""Patients told apart where features say more of the day than of whose film it is."""

import numpy as np
import pytest

from filters.embedding import normalise
from flows.evaluation.patients import PatientSpace, patient_figures

PATIENTS, FILMS, FEATURES, KINDS = 60, 3, 40, 8


def drawn(seed: int, patients: int = PATIENTS) -> tuple[np.ndarray, np.ndarray]:
    """Features of films: KINDS of directions are the day's, loud, the others the patient's, quiet."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), FILMS)
    day = rng.standard_normal((len(who), FEATURES)) * np.where(np.arange(FEATURES) < KINDS, 5, 0.5)
    return rng.standard_normal((patients, FEATURES))[who] + day, who


def test_new_patients_are_told_apart_better_than_by_the_features_themselves():
    space = PatientSpace.fit(*drawn(0))
    features, who = drawn(1)
    plain = patient_figures(normalise(features - features.mean(0)), who)
    fitted = patient_figures(space(features), who)
    assert fitted["auroc"] > 0.9 > 0.75 > plain["auroc"]
    assert fitted["nearest"] > 0.5 > 0.2 > plain["nearest"]


def test_axes_come_from_patients_who_were_seen_twice():
    features, who = drawn(0)
    with pytest.raises(ValueError, match="patients: one film each, expected a patient with two"):
        PatientSpace.fit(features, np.arange(len(who)))
    assert PatientSpace.fit(features, who, dimensions=5)(features).shape == (len(who), 5)


def test_what_an_illness_changes_does_not_make_another_patient():
    features, who = drawn(0)
    ill = np.zeros(FEATURES)
    ill[-6:] = 10  # along the patient's own directions
    illness = ill * np.random.default_rng(2).uniform(0.5, 1.5, (300, 1))
    films, truth = drawn(1)
    sources, nearest = np.arange(len(films)), {}
    for told in (None, illness):
        space = PatientSpace.fit(features, who, told)
        nearest[told is not None] = (space(films + ill) @ space(films).T).argmax(1)
    assert (nearest[True] == sources).mean() > (nearest[False] == sources).mean() + 0.2
    assert patient_figures(PatientSpace.fit(features, who, illness)(films), truth)["auroc"] > 0.8


def test_figures_of_vectors_that_know_nothing_are_those_of_chance():
    who = np.repeat(np.arange(100), 2)
    vectors = normalise(np.random.default_rng(0).standard_normal((200, 64)))
    told = patient_figures(vectors, who)
    assert abs(told["auroc"] - 0.5) < 0.1
    assert told["nearest"] < 0.05
    same = normalise(np.repeat(np.random.default_rng(1).standard_normal((100, 64)), 2, axis=0))
    assert patient_figures(same, who) == {"auroc": 1, "nearest": 1}
