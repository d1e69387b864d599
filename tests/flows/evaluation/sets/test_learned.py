"""Copies of films that the image model learned from: planted ones are found among drawn films, others not."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from drawn_films import drawn_film
from drawn_sets import COLUMNS, SIDE
from PIL import Image
from rich.console import Console

from filters.experts.embedded import CHECKPOINTS
from filters.experts.embedding import INDEX, TrainingIndex
from flows.evaluation.sets import learned
from flows.evaluation.sets.copy_spaces import CopySpaces, alike
from flows.evaluation.sets.films import Generated
from flows.evaluation.sets.groups import whole_groups
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.real import read_real
from flows.material.films import part_of
from flows.material.learned import learned_by
from flows.training.augment import disguise

LEARNED, UNSEEN, MADE, PLANTED = 60, 60, 20, 6


def patients(part_tests: bool, count: int) -> list[str]:
    fitting = (str(n) for n in range(100_000) if (part_of(str(n)) == "test") == part_tests)
    return [n for n, _ in zip(fitting, range(count), strict=False)]


def write_folder(folder, films, who):
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for i, (film, patient) in enumerate(zip(films, who, strict=True)):
            Image.fromarray(film).save(folder / "images" / f"{folder.name}-{i}.png")
            table.writerow((f"{folder.name}-{i}.png", patient, 50, "FM"[i % 2], ("PA", "AP")[i % 2], ""))


def films_of(seed: int, count: int) -> np.ndarray:
    return np.stack([drawn_film(seed + i, SIDE)[0] for i in range(count)])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Large films, half of them learned from and half of them not, and small ones of both kinds."""
    data, each = tmp_path_factory.mktemp("data"), LEARNED * 2 // 3
    who = patients(False, each) + patients(True, UNSEEN)
    write_folder(data / "nih", films_of(1000, each + UNSEEN), who)
    small = LEARNED - each
    write_folder(data / "nih128", films_of(5000, small + 2), patients(False, small) + patients(True, 2))
    return data


def generated(images: np.ndarray, model: str = "fast") -> Generated:
    count = len(images)
    return Generated(
        images=images,
        accepted=np.arange(count) % 2 == 0,
        ages=np.full(count, 50.0),
        sexes=np.full(count, "F"),
        views=np.full(count, "PA"),
        findings=[frozenset()] * count,
        complete=np.ones(count, bool),
        lungs=np.zeros((count, 0, 0), bool),
        boxes=[()] * count,
        asked=True,
        about="drawn",
        model=model,
    )


@pytest.fixture(scope="module", autouse=True)
def fewer_copies():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learned, "COPIES", 8)
        yield


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return Kept(tmp_path_factory.mktemp("kept"), Console(file=io.StringIO()))


def measured(kept, films, folder, tmp_path):
    real = read_real(folder, tmp_path, SIDE, 100, kept.console)
    groups = list(whole_groups(films, real))
    return list(learned.learned_figures(kept, films, real, groups, kept.console))


def test_planted_copies_are_found_and_nothing_else(kept, data, tmp_path):
    fresh = films_of(9000, MADE)
    made = fresh.copy()
    seen = read_real(data, tmp_path, SIDE, 100, kept.console)
    training = learned.read_material(seen, learned_by("fast"), kept.console).images
    spread = np.linspace(0, LEARNED - 1, PLANTED).astype(int)
    made[:PLANTED] = disguise(training[spread], 1)["exposed"]
    found = {(f.name, f.judge, f.group): f for f in measured(kept, generated(made), data, tmp_path)}
    without = {(f.name, f.judge, f.group): f for f in measured(kept, generated(fresh), data, tmp_path)}
    judges = {judge for name, judge, _ in found if name == learned.NAME}
    assert len(judges) == 3
    for judge in judges:
        f = found[learned.NAME, judge, "all"]
        assert f.counts == {"generated": MADE, "learned from": LEARNED, "unseen": UNSEEN, "near": PLANTED}
        assert f.low < f.value == PLANTED / MADE < f.high
        assert f.floor < 0.1
        assert "40 of nih and 20 of nih128" in f.note
        assert found[learned.NAME, judge, "accepted"].counts["near"] == PLANTED // 2
        assert without[learned.NAME, judge, "all"].value == 0
        kinds = {group: f for (name, j, group), f in found.items() if (name, j) == (learned.FOUND, judge)}
        assert len(kinds) == 6
        assert all(f.counts["copies"] == 8 and f.low <= f.value <= f.high for f in kinds.values())
    # drawn films differ by little but their bodies, and copies of them are hard to tell
    assert max(f.value for (name, *_), f in found.items() if name == learned.FOUND) >= 0.75


def test_a_film_learned_from_is_no_unseen_one(data, kept, tmp_path):
    real = read_real(data, tmp_path, SIDE, 100, kept.console)
    material = learned.read_material(real, learned_by("fast"), kept.console)
    assert {folder: len(films) for folder, films in material.learned.items()} == {"nih": 40, "nih128": 20}
    assert {part_of(p) for p in material.unseen.patients} == {"test"}


def test_what_cannot_be_measured_is_a_line(data, kept, tmp_path):
    films = generated(films_of(9000, 4))
    for model, folder, why in (
        ("best", data, "DIR has 0 films that the best image model learned from and "),
        ("fast", data / "nih128" / "images", "expected --real with the films that the fast image model"),
        ("", data, "does not say that an image model of ours drew it"),
    ):
        (line,) = measured(kept, replace(films, model=model), folder, tmp_path)
        assert (line.name, line.value) == (learned.NAME, None)
        assert line.note.startswith("not measured: ")
        assert why in line.note
    assert not measured(kept, replace(films, asked=False), data, tmp_path)


def test_the_best_models_films_are_those_of_the_index_that_ships():
    names = TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX).names
    best = learned_by("best")
    assert best.folders == ("nih",)
    assert all(best.learned({"image": name, "patient": "1"}) for name in names)
    assert not best.learned({"image": "of-nobody.png", "patient": "1"})


def test_films_of_any_size_are_seen_at_one(kept):
    films, spaces = films_of(1, 2), CopySpaces()
    twice = np.repeat(np.repeat(films, 2, 1), 2, 2)
    rows = spaces.rows(kept, films)
    assert list(rows) == ["anatomy", "evaluator_anatomy", "pixels"]
    for name, seen in spaces.rows(kept, twice).items():
        assert np.array_equal(seen, rows[name]), name
    assert alike(films[:, ::2, ::2]).shape == films.shape
