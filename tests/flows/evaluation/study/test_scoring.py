"""`synthorax study score`: known error rates come back, and what cannot be counted is refused in one line."""

import json
import shutil

import pytest
from kits import Rates, study, write_answers

from flows.figures.figure import FigureFile


def score(kit, out, *paths):
    return study("score", kit / "key.json", *paths, "--out", out)


def figures(out):
    return {(f.name, f.group): f for f in FigureFile.read(out / "study.json").figures}


def test_known_rates_are_scored_back(kit, tmp_path):
    rates = Rates(0.6, 0.85, 0.8, 0.95, 0.4)
    paths = write_answers(kit, tmp_path / "answers", rates, readers=12)
    code, text, errors = score(kit, tmp_path / "out", *paths)
    assert code == 0, errors
    found = figures(tmp_path / "out")
    known = {
        "authentic_synthetic": rates.synthetic,
        "authentic_real": rates.real,
        "sensitivity": rates.sensitivity,
        "specificity": rates.specificity,
        "useful": rates.useful,
    }
    for name, rate in known.items():
        figure = found[name, "all"]
        assert figure.low <= rate <= figure.high, figure
        assert figure.judge == "readers"
    assert {"quality", "fleiss_kappa", "told_apart"} <= {name for name, _ in found}
    assert any(group.startswith("finding=") for name, group in found if name == "sensitivity")
    assert "authentic_synthetic" in text
    assert (tmp_path / "out" / "study.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_answers_give_the_same_figures(kit, tmp_path):
    paths = write_answers(kit, tmp_path / "answers")
    for name in ("a", "b"):
        assert score(kit, tmp_path / name, *paths)[0] == 0
    assert figures(tmp_path / "a") == figures(tmp_path / "b")
    assert (tmp_path / "a" / "study.png").read_bytes() == (tmp_path / "b" / "study.png").read_bytes()


def test_one_reader_who_has_not_finished(kit, tmp_path):
    (path,) = write_answers(kit, tmp_path / "answers", readers=1)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:6]) + "\n")
    code, text, _ = score(kit, tmp_path / "out", path)
    assert code == 0
    assert "r0: 11 films without an answer" in text
    found = figures(tmp_path / "out")
    assert found["fleiss_kappa", "all"].value is None
    assert "two readers" in found["fleiss_kappa", "all"].note


def test_a_key_that_was_changed_is_refused(kit, tmp_path):
    paths = write_answers(kit, tmp_path / "answers")
    copy = tmp_path / "copy"
    shutil.copytree(kit, copy)
    key = json.loads((copy / "key.json").read_text())
    first = key["sealed"]["films"][0]
    first["kind"] = "real" if first["kind"] == "synthetic" else "synthetic"
    (copy / "key.json").write_text(json.dumps(key))
    refused(score(copy, tmp_path / "out", *paths), "it was changed")


def test_a_page_that_was_changed_is_refused(kit, tmp_path):
    paths = write_answers(kit, tmp_path / "answers")
    copy = tmp_path / "copy"
    shutil.copytree(kit, copy)
    with (copy / "study.html").open("a") as file:
        file.write("<!-- -->")
    refused(score(copy, tmp_path / "out", *paths), "was changed since it was made")


def refused(outcome, *parts):
    code, out, lines = outcome
    assert (code, out, len(lines)) == (2, "", 1), outcome
    for part in parts:
        assert part in lines[0], lines[0]


def test_no_key_and_no_answers(kit, tmp_path):
    (path,) = write_answers(kit, tmp_path / "answers", readers=1)
    refused(study("score", tmp_path / "key.json", path, "--out", tmp_path / "out"), "not found")
    refused(score(kit, tmp_path / "out", tmp_path / "none.csv"), "none.csv")
    path.write_text(path.read_text().splitlines()[0] + "\n")
    refused(score(kit, tmp_path / "out", path), "no answers")


def test_answers_twice_are_refused(kit, tmp_path):
    (path,) = write_answers(kit, tmp_path / "answers", readers=1)
    shutil.copy(path, tmp_path / "b.csv")
    refused(
        score(kit, tmp_path / "out", path, tmp_path / "b.csv"),
        "b.csv: row 2: r0 answered f001 in",
        "row 2 too",
    )


@pytest.mark.parametrize(
    ("column", "value", "part"),
    [
        (0, "0" * 64, "answers of another kit"),
        (1, "Dr. No", "reader is 'Dr. No'"),
        (2, "f999", "film is 'f999'"),
        (3, "5", "authentic is '5', expected 1 to 4 or nothing"),
        (3, "3.0", "authentic is '3.0'"),
        (4, "0", "quality is '0', expected 1 to 5"),
        (5, "cough", "seen is 'cough'"),
        (5, "none|mass", "seen is"),
        (6, "cough=1", "useful is 'cough=1'"),
    ],
)
def test_a_malformed_row_is_named(kit, tmp_path, column, value, part):
    (path,) = write_answers(kit, tmp_path / "answers", readers=1)
    lines = path.read_text().splitlines()
    row = lines[3].split(",")
    row[column] = value
    path.write_text("\n".join([*lines[:3], ",".join(row), *lines[4:]]) + "\n")
    refused(score(kit, tmp_path / "out", path), "r0.csv: row 4: ", part)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "row 1 is ''"),
        ("kit;reader;film\n", "row 1 is 'kit;reader;film'"),
        ("kit,reader,film,authentic,quality,seen,useful\na,b\n", "row 2: 2 fields, expected 7"),
        ("\xff", "expected the CSV that the page saved"),
    ],
)
def test_a_file_that_holds_no_answers_is_refused(kit, tmp_path, text, part):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    refused(score(kit, tmp_path / "out", path), part)
