"""Whose mistake an error is decides how a command ends: one line for the user's, a file for ours."""

import ast
import errno
import tempfile
from pathlib import Path

import pytest
from told import is_one_line

from flows.commands.endings import Ending, guarded
from manifests.store import Store
from synth.errors import UserError, users_mistake

ROOT = Path(__file__).parents[3]
FLOORS = ("synth", "filters", "manifests", "flows")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UserError("seed: wrong"), 2, "synthorax: seed: wrong"),
        (PermissionError(errno.EACCES, "no", "a.txt"), 2, "a.txt: permission denied"),
        (ValueError("deep\ninside"), 1, "ValueError: deep inside (traceback: "),
        (KeyError("x"), 1, "KeyError"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Ending(7, "that was it"), 7, "that was it"),
    ],
)
def test_how_a_command_ends(error, code, told, capsys):
    @guarded
    def command():
        raise error

    with pytest.raises(SystemExit) as caught:
        command()
    assert caught.value.code == code
    assert is_one_line(capsys.readouterr().err, told)


@pytest.mark.parametrize("command", [("train", "shape", "--out", "runs"), ("calibrate",)])
def test_missing_data_is_told_with_the_layout_expected(invoke, tmp_path, command):
    code, _, err = invoke(*command, "--data", tmp_path / "nowhere")
    assert code == 2
    assert is_one_line(err, "expected the layout of shared/data")


def test_whose_mistake_an_error_is_is_a_matter_of_its_class():
    with pytest.raises(UserError, match="output") as ours:
        Store("nonsense://x")
    assert users_mistake(ours.value)
    for kind in (ValueError, TypeError, KeyError, FileNotFoundError, RuntimeError, AssertionError):
        assert users_mistake(kind("output: x, expected y")) is None


@pytest.mark.parametrize(
    "place",
    [
        "synth.images.model.ImageModel.load",
        "filters.judge.load_all",
        "manifests.identity._complete",
        "manifests.builds.count_rows",
        "flows.building.session.open_build",
        "flows.config.reading.apply_overrides",
    ],
)
def test_a_bug_planted_in_any_floor_ends_as_ours(invoke, write_config, monkeypatch, tmp_path, place):
    def bug(*arguments, **named):
        raise ValueError("threshold: 2, expected 3")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(place, bug)
    real = place.startswith(("synth", "filters.judge"))
    code, _, err = invoke("build", write_config(candidates=4), real=real)
    assert code == 1, err
    assert "ValueError: threshold: 2, expected 3 (traceback: " in err
    (kept,) = tmp_path.glob("synthorax-error-*.txt")
    assert "in bug" in kept.read_text()


def test_nowhere_is_our_own_value_error_caught_and_told_as_the_users():
    trees = [ast.parse(p.read_text("utf-8")) for floor in FLOORS for p in (ROOT / floor).rglob("*.py")]
    raising = {
        function.name
        for tree in trees
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and "ValueError" in ast.unparse(node)
    }
    assert raising  # shapes and types are checked somewhere
    for attempt in (n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Try)):
        caught = " ".join(ast.unparse(h.type) for h in attempt.handlers if h.type)
        if "ValueError" in caught.split():
            called = {n.func for s in attempt.body for n in ast.walk(s) if isinstance(n, ast.Call)}
            assert not {ast.unparse(f).rpartition(".")[2] for f in called} & raising
