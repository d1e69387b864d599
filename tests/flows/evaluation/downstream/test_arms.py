"""Fractions are nested, and no patient that tests has ever trained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.evaluation.downstream.arms import ARMS, fold_of, held_out, nested, planned
from flows.material.real import part_of

PATIENTS = st.sets(st.text("0123456789", min_size=1, max_size=5), min_size=1, max_size=60)


@given(PATIENTS, st.integers(1, 100), st.integers(1, 100), st.integers(0, 9))
def test_fewer_percent_are_within_more(patients, a, b, seed):
    fewer, more = nested(patients, min(a, b), seed), nested(patients, max(a, b), seed)
    assert set() < fewer <= more <= patients
    assert nested(patients, 100, seed) == patients


@given(PATIENTS)
def test_a_patient_whom_the_generator_learned_from_is_not_held_out(patients):
    names = sorted(patients)
    assert held_out(names).tolist() == [part_of(name) != "train" for name in names]


def test_seeds_choose_other_patients():
    patients = {str(i) for i in range(200)}
    assert nested(patients, 10, 0) != nested(patients, 10, 1)
    assert len(nested(patients, 10, 0)) == 20


def test_every_fold_tests_somebody():
    folds = [fold_of(str(i), 3) for i in range(60)]
    assert {folds.count(k) > 10 for k in range(3)} == {True}


def test_an_arm_without_real_films_has_one_run_a_seed_and_backbone():
    runs = list(planned(tuple(ARMS), (100, 10, 30), (0, 1, 2), ("imagenet", "none")))
    assert len(runs) == len(set(map(str, runs))) == 3 * 2 * (4 * 3 + 2)
    assert [r.percent for r in runs if r.arm == "synthetic"] == [0] * 6


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_no_patient_that_tests_trains(data, task):
    from flows.evaluation.downstream.compare import TASKS

    pool, test = TASKS[task](None, 64).real(data)
    assert len(pool)
    assert len(test)
    assert not set(pool.patients) & set(test.patients)
    assert held_out(test.patients).all()
    assert not held_out(pool.patients).any()
