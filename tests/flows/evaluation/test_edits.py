"""Figures of edits, on films and changes drawn by hand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from filters.experts.embedding import normalise
from filters.experts.opinion import Opinion
from flows.editing.plan import Film
from flows.editing.retoucher import Retouched
from flows.evaluation import edits
from flows.evaluation.edits import (
    REMOVE,
    Edited,
    _by,
    box_mask,
    change,
    changed_outside,
    choose,
    edit_films,
    identity,
)
from flows.material.real import load_nih
from manifests.films.compositing import blend_weight
from manifests.films.originals import Original
from synth.cases import Lesion
from synth.editing import Edit
from synth.images.framing import Framed
from synth.prompts.edit_requests import EditRequest

SIZE = 64
MASK = np.zeros((SIZE, SIZE), bool)
MASK[20:40, 20:40] = True


def film() -> Film:
    pixels = np.random.default_rng(0).integers(60, 200, (SIZE, SIZE)).astype(np.uint8)
    original = Original(Path("a.png"), "png", "", pixels, 8, (0.0, 255.0))
    body = np.zeros((5, SIZE, SIZE), bool)
    return Film(original, Framed.of(pixels.astype(np.float32) / 255), body, Opinion())


def outcome(pixels, seen=None) -> Retouched:
    start = film()
    edit = Edit(start.anatomy, (Lesion("mass", MASK),))
    return Retouched(start, edit, pixels, start.framed.seen if seen is None else seen, Opinion(), 0)


def test_only_pixels_that_mask_and_edge_do_not_reach_count_as_outside():
    pixels = film().original.pixels.copy()
    reached = blend_weight(MASK, (SIZE, SIZE)) > 0
    pixels[reached] += 1
    assert changed_outside(outcome(pixels)) == 0
    pixels[0, :3] += 1
    assert changed_outside(outcome(pixels)) == 3


def test_change_is_told_inside_the_mask_and_outside():
    seen = film().framed.seen.astype(int)
    away = np.where(seen > 128, -1, 1)
    moved = seen + away * np.where(MASK, 30, 1)
    assert change(outcome(film().original.pixels, moved.astype(np.uint8))) == (30, 1)


class Expert:
    """Says of an image that its opacity is its mean, and sees consolidation where it is white."""

    def look(self, images):
        return [
            Opinion(
                probabilities={"opacity": float(x.mean()) / 255},
                lesions={"consolidation": x / np.float32(255), "nodule": np.ones_like(x, np.float32)},
            )
            for x in images
        ]


def plain(value, count):
    return np.full((count, SIZE, SIZE), value, np.uint8)


def edited(before, after):
    def one(b, a):
        start = film()
        start = replace(start, framed=replace(start.framed, seen=b))
        return replace(outcome(start.original.pixels, a), film=start)

    outcomes = [one(b, a) for b, a in zip(before, after, strict=True)]
    return Edited(np.arange(len(before)), outcomes, REMOVE)


def test_probabilities_are_held_against_the_medians_of_held_out_films(shared_data):
    nih = load_nih(shared_data, SIZE)
    held = nih.parts != "train"
    images = plain(0, len(nih.names))
    images[nih.normal], images[~nih.normal] = 51, 204
    images[~held] = 255  # what the experts learned from does not count
    removed = edited(plain(204, 4), np.concatenate([plain(40, 1), plain(60, 3)]))
    added = edited(plain(51, 4), np.concatenate([plain(210, 3), plain(100, 1)]))
    told = _by(Expert(), replace(nih, images=images), {"removed": removed, "added": added})
    assert (told["median_without_a_finding"], told["median_with_opacity"]) == (0.2, 0.8)
    assert (told["removed"]["below_median"], told["added"]["above_median"]) == (0.25, 0.75)
    assert (told["removed"]["auroc"], told["added"]["auroc"]) == (1, 1)


def test_what_is_left_inside_the_mask_is_held_against_the_same_place_of_films_without(shared_data):
    nih = load_nih(shared_data, SIZE)
    images = plain(51, len(nih.names))
    images[~nih.normal] = 255
    before, after = plain(255, 3), plain(255, 3)
    after[:2, MASK] = 40  # two of three are darker there than films without a finding
    told = _by(Expert(), replace(nih, images=images), {"cleared": edited(before, after)})["cleared"]
    assert told["inside_median_without_a_finding"] == 0.2
    assert told["inside_median_before"] == 1
    assert told["inside_median_after"] == pytest.approx(40 / 255, abs=1e-3)
    assert told["inside_below_median_before"] == 0
    assert told["inside_below_median"] == pytest.approx(2 / 3, abs=1e-3)
    assert told["below_median"] == 0, "the whole film is opaque still"


def test_films_are_chosen_among_those_held_out_first(shared_data):
    nih = load_nih(shared_data, SIZE)
    boxed, normal = choose(nih, 30)
    assert len(set(boxed)) == len(set(normal)) == 30
    for kind, some in (("boxed", boxed), ("normal", normal)):
        held = nih.parts != "train"
        there = held & (nih.normal if kind == "normal" else ~nih.normal)
        there &= np.array([len(b) > 0 for b in nih.boxes]) == (kind == "boxed")
        assert held[some].sum() == min(30, there.sum()), (
            "those of the training only where there are no others"
        )
    assert all(len(nih.boxes[i]) for i in boxed)
    assert nih.normal[normal].all()
    assert not nih.normal[boxed].any()
    assert not any(len(nih.boxes[i]) for i in normal)


def test_a_box_lies_on_the_film_where_the_table_has_it(shared_data):
    nih = load_nih(shared_data)
    index = int(choose(nih, 1)[0][0])
    rows = np.genfromtxt(
        shared_data / "nih" / "boxes.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    wanted = np.zeros((512, 512), bool)
    for row in rows[rows["image"] == nih.names[index]]:
        x, y = round(float(row["x"])), round(float(row["y"]))
        wanted[y : y + round(float(row["h"])), x : x + round(float(row["w"]))] = True
    mask = box_mask(nih, index, shared_data)
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.95


def test_edits_are_asked_for_in_batches_with_boxes_where_something_is_removed(shared_data):
    nih, asked = load_nih(shared_data, SIZE), []

    class Retoucher:
        def look(self, originals, who):
            return list(originals)

        def retouch(self, films, requests, seeds, masks, tries):
            asked.append((len(films), [m is not None for m in masks]))
            assert tries == 5
            return [f"{f.path.name} {s}" for f, s in zip(films, seeds, strict=True)]

    boxed, _ = choose(nih, 10)
    done = edit_films(Retoucher(), nih, shared_data, boxed, EditRequest(remove=("mass",)), 5)
    assert [n for n, _ in asked] == [8, 2]
    assert all(all(given) for _, given in asked)
    assert [o.split()[0] for o in done.outcomes] == [nih.names[i] for i in boxed]
    assert len({o.split()[1] for o in done.outcomes}) == 10


def test_a_film_is_itself_where_its_source_is_the_nearest_of_all(monkeypatch):
    films = np.random.default_rng(0).integers(0, 255, (6, SIZE, SIZE)).astype(np.uint8)
    nih = SimpleNamespace(images=films, where=lambda part: np.arange(3))
    monkeypatch.setattr(edits, "spaces", lambda training: {f"of {len(training)}": pixels})
    kept, taken = edited(films[:4], films[:4] // 2), edited(films[:4], films[[0, 5, 5, 5]])
    assert identity(nih, {"kept": kept, "taken": taken}) == {"of 3": {"kept": 1, "taken": 0.25}}


def pixels(images):
    rows = images.reshape(len(images), -1).astype(float)
    return normalise(rows - rows.mean(1, keepdims=True))


@pytest.mark.slow
def test_two_films_are_edited_and_measured(shared_data, tmp_path):
    from typer.testing import CliRunner

    from flows.cli import app

    result = CliRunner().invoke(
        app, ["evaluate", "edits", "--data", str(shared_data), "--out", str(tmp_path), "--count", "1"]
    )
    assert result.exit_code == 0, result.output
    assert '"pixels_changed_outside": 0' in (tmp_path / "edits.json").read_text()
    assert Image.open(tmp_path / "edits.png").width > 400
