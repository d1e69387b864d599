"""`synthorax export` through the command line, mistakes among it, and the examples of docs/exports.md."""

import re

import pytest
from conftest import ROOT
from drawn_exports import build_seen
from typer.testing import CliRunner

from flows.cli import app
from manifests.exports.registry import FORMATS

PAGE = (ROOT / "docs" / "exports.md").read_text("utf-8")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build")).url


def export(build, out, *words):
    return CliRunner().invoke(app, ["export", build, "--out", str(out), *words])


def test_it_says_what_became_of_samples_and_lesions(build, tmp_path):
    done = export(build, tmp_path / "out", "--to", "coco")
    assert done.exit_code == 0
    assert re.search(r"out: \d+ samples \(\d+ train, \d+ val, \d+ test\), \d+ lesions", done.stdout)
    assert re.search(r"\d+ lesions to be ignored: no expert can tell it \(.*\d+ fracture", done.stdout)
    again = export(build, tmp_path / "out", "--to", "coco")
    assert (again.exit_code, again.stdout) == (0, done.stdout)


def test_what_a_format_cannot_hold_is_told(build, tmp_path):
    done = export(build, tmp_path / "yolo", "--to", "yolo", "--no-empty")
    assert "lesions left out: " in done.stdout
    assert "samples left out: without a lesion" in done.stdout
    assert "polygons filled again: IoU" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "voc"], "synthorax: format: 'voc', expected one of coco, yolo"),
        (["--to", "coco", "--masks", "png"], "synthorax: masks: 'png' of coco, expected one of"),
        (["--to", "coco", "--val", "3"], "synthorax: val: 3, expected percent"),
    ],
)
def test_mistakes_are_a_line_and_exit_code_2(build, tmp_path, words, message):
    done = export(build, tmp_path / "out", *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_page_names_every_format():
    rows = re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(FORMATS)


@pytest.mark.parametrize("title", ["COCO with torchvision", "Hugging Face", "MONAI"])
def test_examples_run(build, tmp_path, monkeypatch, title):
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    pytest.importorskip(re.search(r"from (\w+)", code)[1], reason="its tool is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    form = re.search(r"out/demo-(\w+)", code)[1]
    assert export(build, f"out/demo-{form}", "--to", form).exit_code == 0
    space: dict = {}
    exec(compile(code, "docs/exports.md", "exec"), space)
    assert len(space["dataset"])
    assert len(space.get("boxes", [])) == len(space.get("target", {}).get("boxes", []))
