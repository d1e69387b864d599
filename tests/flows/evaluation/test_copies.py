"""Copies of films known again, in spaces that know all or nothing, and alterations by what ships."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from filters.experts.embedding import normalise
from flows.evaluation import copies
from flows.evaluation.real import Real
from flows.material.real import load_nih
from synth.generate import Synthesizer
from synth.settings import SynthesisSettings

FILMS, SIZE = 40, 256


def drawn(seed: int, count: int) -> np.ndarray:
    """(N, S, S) uint8: smooth noise, each another."""
    rng = np.random.default_rng(seed)
    coarse = [Image.fromarray(rng.integers(30, 220, (16, 16)).astype(np.uint8)) for _ in range(count)]
    return np.stack([c.resize((SIZE, SIZE)).filter(ImageFilter.GaussianBlur(6)) for c in coarse])


@pytest.fixture(scope="module")
def real() -> Real:
    """Films of twenty patients, two of each; those of the last eight are held out."""
    patients = np.repeat(np.arange(FILMS // 2), 2)
    cut = FILMS - 16
    return Real(SimpleNamespace(patients=patients), drawn(0, FILMS), np.arange(cut), np.arange(cut, FILMS))


@pytest.fixture(scope="module")
def shipped() -> Synthesizer:
    return Synthesizer.load(SynthesisSettings())


def flat(images: np.ndarray) -> np.ndarray:
    """Each image's own pixels, but for their mean: copies of it lie near, others do not."""
    small = images[:, ::8, ::8].reshape(len(images), -1).astype(float)
    return normalise(small - small.mean(1, keepdims=True))


def test_copies_are_found_where_they_are_near_and_nowhere_else(real, monkeypatch):
    monkeypatch.setattr(copies, "spaces", lambda training: {"pixels": flat})
    found = copies.copy_figures(
        real, {"dimmed": (real.held_images * 0.8).astype(np.uint8), "others": drawn(1, len(real.held))}
    )["pixels"]
    assert found["dimmed"] == 1
    assert found["others"] == 0


def test_two_films_of_a_patient_may_lie_near_without_hiding_copies(real, monkeypatch):
    """Each patient's second film is the first one, dimmed: the limit is that of other patients."""
    twice = real.images.copy()
    twice[1::2] = (twice[::2] * 0.9).astype(np.uint8)
    same = Real(real.nih, twice, real.training, real.held)
    monkeypatch.setattr(copies, "spaces", lambda training: {"pixels": flat})
    found = copies.copy_figures(same, {"itself": same.held_images})["pixels"]
    assert found == {"auroc": 1, "nearest": 1, "itself": 1}


def test_figures_of_vectors_that_know_nothing_are_those_of_chance():
    who = np.repeat(np.arange(100), 2)
    vectors = normalise(np.random.default_rng(0).standard_normal((200, 64)))
    told = copies.patient_figures(vectors, who)
    assert abs(told["auroc"] - 0.5) < 0.1
    assert told["nearest"] < 0.05


def test_the_shipped_spaces_know_films_again(real):
    for name, space in copies.spaces(real.images[real.training]).items():
        films = space(real.images)
        assert films.shape[0] == FILMS
        assert np.abs(np.linalg.norm(films, axis=1) - 1).max() < 1e-5, name
        alike = films @ space((real.images * 0.97).astype(np.uint8)).T
        assert (alike.argmax(1) == np.arange(FILMS)).mean() > 0.9, name


def test_a_film_drawn_anew_keeps_what_little_noise_leaves_and_is_its_own_whatever_stands_beside_it(shipped):
    films = drawn(3, 2)
    little, much = (copies.redraw(shipped.imager, films, share) for share in (0.2, 0.9))
    assert little.shape == much.shape == films.shape
    assert little.dtype == np.uint8

    def moved(made: np.ndarray) -> float:
        return float(np.abs(made.astype(int) - films).mean())

    assert 0 < moved(little) < moved(much)
    alone = copies.redraw(shipped.imager, films[:1], 0.2)
    assert np.abs(alone.astype(int) - little[:1]).max() <= 1


@pytest.mark.slow
def test_every_held_out_film_is_altered_in_every_way(shipped, shared_data):
    nih = load_nih(shared_data)
    few = Real(nih, nih.images, nih.where("train"), np.flatnonzero(nih.normal & (nih.parts != "train"))[:2])
    made = copies.alter(few, shipped.imager, shipped.masker)
    assert set(made) == {"moved", "exposed", "drawn_anew", "with_lesions"}
    for kind, images in made.items():
        assert images.shape == few.held_images.shape
        assert images.dtype == np.uint8
        assert (images != few.held_images).any((1, 2)).all(), kind
    again = copies.alter(few, shipped.imager, shipped.masker)
    assert all(np.array_equal(made[kind], again[kind]) for kind in made)
