"""Real films that the one-pass model learns from: the same films at either size, letters in neither."""

import csv

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from filters.experts.lite_networks import lite_network
from flows.material.films import load_real
from flows.material.learned import teaches
from flows.training import one_pass_films
from flows.training.one_pass_films import OnePassFilms, _looked_at, load_fine


@pytest.fixture
def data(tmp_path):
    """Six smooth films of 512 pixels, of patients who teach."""
    patients = [p for p in map(str, range(60)) if teaches(p)][:6]
    folder = tmp_path / "data" / "nih"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for patient in patients:
        coarse = Image.fromarray(rng.integers(60, 200, (9, 9), np.uint8))
        coarse.resize((512, 512), Image.Resampling.BICUBIC).save(folder / "images" / f"{patient}.png")
        rows.append((f"{patient}.png", patient, 50, "F", "PA", "No Finding"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "patient", "age", "sex", "view", "findings"), *rows])
    return tmp_path / "data"


def test_fine_films_are_the_same_films_in_the_same_order_without_letters(data, tmp_path):
    marked = load_real(data, "nih", 256).images
    clean = marked.copy()
    clean[2, 20:40, 20:60] = 90  # where a letter stood
    anatomy = np.zeros((6, 256, 256), np.uint8)
    anatomy[:, 60:200, 20:110], anatomy[:, 60:200, 140:230], anatomy[:, 120:200, 100:150] = 1, 2, 4
    anatomy[4] = 0  # no organ is seen in the fifth
    save_file({"anatomy": anatomy, "images": clean}, tmp_path / "nih.safetensors")
    chosen = [0, 1, 2, 3, 5]
    rest = {name: np.zeros(5) for name in ("masks", "state", "patient", "odds")}
    films = load_fine(data, tmp_path, OnePassFilms(clean[chosen], **rest))
    assert films.images.shape == (5, 512, 512)
    assert films.images.dtype == np.uint8
    small = films.images.reshape(5, 256, 2, 256, 2).mean((2, 4))
    assert np.abs(small - clean[chosen])[:, 8:-8, 8:-8].mean((1, 2)).max() < 2
    assert np.all(films.images[2, 42:78, 42:118] == 90)
    large = load_real(data, "nih", 512).images
    assert np.array_equal(films.images[3], large[3])


def test_looking_at_films_goes_on_at_the_part_where_it_was_stopped(data, tmp_path, monkeypatch):
    monkeypatch.setattr(one_pass_films, "AT_ONCE", 4)
    films, guide, run = load_real(data, "nih", 256), lite_network("lite0").eval(), tmp_path / "run"
    whole = _looked_at(films, tmp_path, guide, run)
    assert len(whole["images"]) == len(whole["maps"]) == 6
    assert sorted(path.name for path in run.iterdir()) == ["00000.safetensors", "00004.safetensors"]
    (run / "00004.safetensors").rename(run / "00004.tmp")  # stopped while it was written
    first = load_file(run / "00000.safetensors")
    save_file(first | {"images": first["images"] // 2}, run / "00000.safetensors")
    again = _looked_at(films, tmp_path, guide, run)
    assert np.array_equal(again["images"][:4], whole["images"][:4] // 2)  # kept, not made again
    assert all(np.array_equal(again[name][4:], whole[name][4:]) for name in whole)
