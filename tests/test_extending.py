"""docs/extending.md: its examples work, and what it counts can be counted."""

import re
import sys

import filter_cases as make
import pytest
from conftest import ROOT
from drawn_records import build_store

from filters.filter import Evidence, readable
from filters.own import load_own
from filters.registry import FILTER_NAMES, FILTERS
from flows.cli import app
from manifests import builds, layout
from manifests.dataset import open_dataset
from manifests.exports.registry import EXPORTS
from manifests.verify import verify

PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")
FLOORS = ("synth", "filters", "manifests", "flows")


def section(title):
    """The text below a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def example(title):
    """The Python file that a section shows."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", section(title), re.DOTALL | re.MULTILINE)
    return code


def steps(title):
    """The numbered items of a section."""
    return re.findall(r"^(\d+)\. ", section(title), re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "row", "files"),
    [
        ("A filter in the tree", "a filter in the tree", "4"),
        ("An export", "an export", "3"),
        ("A command", "a command", "4"),
        ("An image model", "an image model", "none, or 5"),
        ("A finding", "a finding", "12 and more"),
    ],
)
def test_the_table_counts_what_the_recipes_say(title, row, files):
    count = max(int(n) for n in re.findall(r"\d+", files))
    assert steps(title) == [str(i) for i in range(1, count + 1)]
    assert re.search(rf"^\| \[{row}\]\(#[a-z-]+\) \| {files} \|", PAGE, re.MULTILINE)


def test_the_filter_of_ones_own_loads_and_scores_as_it_says(tmp_path):
    code = example("A filter of your own")
    assert len(code.splitlines()) <= 30
    path = tmp_path / "heart_contrast.py"
    path.write_text(code)
    own, digest = load_own(path)
    assert (own.name, own.limit, own.keep, len(digest)) == ("heart_contrast", 0.21, ">=", 64)
    candidate = make.candidate(0)
    candidate.image[candidate.masks.lungs] = 50
    candidate.image[candidate.masks.anatomy[2]] = 152
    assert readable(candidate)
    score = own.score(Evidence(candidate))
    assert score.value == pytest.approx(0.4, abs=0.001)
    assert score.detail["heart"] > score.detail["lungs"]


def test_a_shipped_filter_is_named_in_its_file_the_registry_and_the_thresholds():
    """One that nothing but the judge needs; whatever else names one uses what it knows."""
    name = "integrity"
    assert name in FILTER_NAMES
    naming = {
        path.relative_to(ROOT).as_posix()
        for floor in FLOORS
        for ending in ("py", "json")
        for path in (ROOT / floor).rglob(f"*.{ending}")
        if re.search(rf"\b{name}\b", path.read_text("utf-8"))
    }
    assert naming == {f"filters/{name}.py", "filters/registry.py", "filters/thresholds.json"}
    told = section("A filter in the tree").split("Materials are")[1].partition("\n")[0]
    materials = set(re.findall(r"`(\w+)`", told))
    assert {f.calibration.material for f in FILTERS.values()} <= materials


def test_the_export_is_written_listed_and_verified(tmp_path, monkeypatch):
    store = build_store(tmp_path / "out")
    builds.finalise(store)  # a dataset that stood before gets the file too
    space: dict = {}
    exec(compile(example("An export"), "docs/extending.md", "exec"), space)
    monkeypatch.setattr(builds, "EXPORTS", (*EXPORTS, space["EXPORT"]))
    index = builds.finalise(store)
    head, *boxes = store.read("boxes.csv").decode().splitlines()
    assert head == "key,finding,x,y,width,height"
    samples = list(open_dataset(store.url).samples())
    assert {line.partition(",")[0] for line in boxes} <= {s.key for s in samples}
    lesions = sum(a["category_id"] <= 13 for s in samples for a in s.labels["annotations"])
    assert len(boxes) == lesions > 0
    assert {"boxes.csv", layout.COCO} < set(index.files)
    assert verify(store) == []


def test_a_command_is_a_function_of_the_command_line_and_a_module():
    """Those without a module do no more than call another room."""
    names = {c.callback.__name__ for c in app.registered_commands}
    modules = {p.stem for p in (ROOT / "flows" / "commands").glob("*.py")}
    assert names - modules == {"train", "calibrate", "places"}
    assert sys.modules["flows.cli"].evaluate in {g.typer_instance for g in app.registered_groups}
