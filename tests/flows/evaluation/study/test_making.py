"""`synthorax study make`: what the page tells and what it must not, and mistakes in one line."""

import base64
import json
import re
import zlib

import pytest
from kits import odd_build, real_folder, study

from flows.evaluation.study.key import read_key
from manifests.marks import marks


def content(kit):
    """What the page holds as JSON."""
    page = (kit / "study.html").read_text("utf-8")
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page)[1])


def pictures(kit):
    return [base64.b64decode(film["png"]) for film in content(kit)["films"]]


def test_no_picture_tells_what_it_is(kit):
    found = pictures(kit)
    assert len(found) == 16
    assert len({len(png) for png in found}) == 1
    heads = {png[: png.index(b"IDAT") - 4] for png in found}
    assert len(heads) == 1  # signature and IHDR, nothing else
    assert not any(marks(png) for png in found)


def test_the_page_names_no_source(kit):
    page = (kit / "study.html").read_text("utf-8")
    key = read_key(kit / "key.json")
    rest = re.sub(r'"png":"[^"]*"', "", page)
    for film in key.sealed.films:
        assert film.source not in rest
    assert str(key.sealed.seed) not in re.sub(r"[0-9a-f]{64}", "", rest).split()
    assert key.seal in rest
    assert "http" not in rest.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_exposure_is_alike(kit):
    import io

    import numpy as np
    from PIL import Image

    kinds = [film.kind for film in read_key(kit / "key.json").sealed.films]
    medians = {"real": [], "synthetic": []}
    for kind, png in zip(kinds, pictures(kit), strict=True):
        medians[kind].append(np.median(np.asarray(Image.open(io.BytesIO(png)))[4:-4, 4:-4]))
    spread = [abs(m - 0.52 * 255) for values in medians.values() for m in values]
    assert max(spread) < 20


def test_both_kinds_are_mixed(kit):
    kinds = [film.kind for film in read_key(kit / "key.json").sealed.films]
    assert sorted(kinds) == ["real"] * 8 + ["synthetic"] * 8
    assert kinds != sorted(kinds)
    assert kinds != sorted(kinds, reverse=True)


def test_real_films_are_of_different_patients(kit):
    patients = [film.patient for film in read_key(kit / "key.json").sealed.films if film.kind == "real"]
    assert len(set(patients)) == 8


def test_the_same_seed_makes_the_same_kit_and_none_another(kit, build, real, tmp_path):
    words = ("make", build, "--real", real, "--films", 8)
    study(*words, "--out", tmp_path / "again", "--seed", 5)
    for name in ("study.html", "key.json", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (kit / name).read_bytes()
    study(*words, "--out", tmp_path / "secret")
    assert read_key(tmp_path / "secret" / "key.json").seal != read_key(kit / "key.json").seal


def test_the_readme_says_what_can_be_told(kit):
    text = (kit / "README.md").read_text("utf-8")
    assert read_key(kit / "key.json").seal in text
    assert re.search(r"one reader, 16 films, worth 16 independent answers: a share from 8\d\.\d% on", text)
    assert "carry no mark that they are synthetic" in text


def one_line(outcome, *parts):
    code, _, lines = outcome
    assert code == 2, outcome
    assert len(lines) == 1, lines
    for part in parts:
        assert part in lines[0]


def test_a_kit_is_not_overwritten(kit, build, real):
    one_line(study("make", build, "--real", real, "--out", kit, "--films", 8), "key would be lost")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--films", 0), "--films: 0, expected 1 to 5000"),
        (("--films", 9999), "--films: 9999"),
        (("--films", 500), "accepted synthetic films, expected --films 500 or more"),
        (("--films", 12), "10 films that can be shown, expected 12"),
        (("--films", 4, "--leave-out", "99.png"), "--leave-out 99.png: not among the films"),
        (("--films", 4, "--readers", 0), "--readers: 0"),
        (("--films", 4, "--correlation", 2), "--correlation: 2"),
        (("--films", 4, "--finding", "cough"), "--finding: 'cough', expected one of atelectasis"),
    ],
)
def test_mistakes_are_one_line(build, real, tmp_path, words, part):
    one_line(study("make", build, "--real", real, "--out", tmp_path / "kit", *words), part)
    assert not (tmp_path / "kit").exists()


def test_a_folder_with_something_else_is_left_alone(build, real, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    one_line(study("make", build, "--real", real, "--out", tmp_path, "--films", 4), "is not empty")


def test_no_build_an_empty_and_a_rejected_one(real, tmp_path):
    words = ("--real", real, "--out", tmp_path / "kit", "--films", 4)
    one_line(study("make", tmp_path / "none", *words), "none")
    one_line(study("make", odd_build(tmp_path / "no", "rejected"), *words), "0 accepted synthetic films")


def test_without_findings_the_rest_is_asked(real, tmp_path):
    build = odd_build(tmp_path / "healthy", "healthy")
    code, _, lines = study("make", build, "--real", real, "--out", tmp_path / "kit", "--films", 4)
    assert code == 0
    assert any("no finding is on any of its films" in line for line in lines)
    assert content(tmp_path / "kit")["findings"] == []


def test_a_film_that_is_betrayed_is_left_out(build, real, tmp_path):
    words = ("--films", 9, "--leave-out", "03.png")
    assert study("make", build, "--real", real, "--out", tmp_path / "kit", *words)[0] == 0
    sealed = read_key(tmp_path / "kit" / "key.json").sealed
    assert sealed.left_out == ["03.png"]
    assert "03.png" not in {film.source for film in sealed.films}


def test_an_unfinished_build_is_told(build, real, tmp_path):
    code, _, lines = study("make", build, "--real", real, "--out", tmp_path / "kit", "--films", 2)
    assert code == 0
    assert [line for line in lines if "not finished" in line]


def test_a_corrupt_film_is_told_and_another_taken(build, tmp_path):
    folder = real_folder(tmp_path / "real", 6)
    (folder / "images" / "01.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    code, _, lines = study("make", build, "--real", folder, "--out", tmp_path / "kit", "--films", 5)
    assert code == 0, lines
    told = [line for line in lines if "01.png" in line]
    assert len(told) == 1
    assert "another film takes its place" in told[0]
    outcome = study("make", build, "--real", folder, "--out", tmp_path / "more", "--films", 6)
    assert outcome[0] == 2
    assert "5 films that can be shown, expected 6" in outcome[2][-1]


def test_any_folder_of_films_will_do(build, tmp_path):
    folder = real_folder(tmp_path / "real", 4, labelled=False)
    code, *_ = study("make", build, "--real", folder, "--out", tmp_path / "kit", "--films", 4)
    assert code == 0
    real = [f for f in read_key(tmp_path / "kit" / "key.json").sealed.films if f.kind == "real"]
    assert all(not f.shows and not f.lacks and not f.overlays for f in real)


def test_labels_without_a_column_are_told(build, tmp_path):
    folder = real_folder(tmp_path / "real", 2)
    (folder / "labels.csv").write_text("image,findings\n00.png,Effusion\n")
    outcome = study("make", build, "--real", folder, "--out", tmp_path / "kit", "--films", 1)
    assert outcome[0] == 2
    assert "labels.csv: no column patient" in outcome[2][-1]


def test_nothing_is_packed(kit):
    """The length of a packed picture would follow its smoothness, and so its kind."""
    png = pictures(kit)[0]
    at = png.index(b"IDAT")
    assert len(zlib.decompress(png[at + 4 : -16])) == 48 * 49
