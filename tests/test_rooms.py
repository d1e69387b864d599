"""What the design says of the house, held against the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import synthorax
from flows.training import registry

ROOT = Path(__file__).parents[1]
FLOORS = ("synth", "filters", "manifests", "flows")
LINT = Path(sys.executable).with_name("lint-imports")
#: Modules that are started rather than imported.
DOORS = {"flows.build", "flows.building.server_process", "flows.cli", "manifests.reference"}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(*FLOORS, cache_dir=None)


def test_flows_has_at_most_sixteen_things_at_its_top():
    things = [p.name for p in (ROOT / "flows").iterdir() if p.name != "__pycache__" and p.name != "py.typed"]
    assert len(things) <= 16, sorted(things)


def test_no_module_is_without_a_reader(graph):
    recipes = {f"flows.training.recipes.{name}" for name in (*registry.NAMES, registry.CONTROLNET)}
    started = DOORS | recipes | set(synthorax._HOMES.values())
    alone = [
        m
        for m in graph.modules
        if m.split(".")[0] in FLOORS
        and not graph.find_children(m)
        and not graph.find_modules_that_directly_import(m)
        and m not in started
        and not (ROOT / m.replace(".", "/")).is_dir()
    ]
    assert alone == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("synth/masks/walls.py", "import synth.images.model"),
        ("filters/experts/opinion.py", "import filters.judge"),
        ("manifests/store.py", "import manifests.sheets.contact_sheet"),
        ("flows/training/loop.py", "import flows.evaluation.real"),
        ("flows/material/real.py", "import flows.training.loop"),
        ("flows/editing/plan.py", "import flows.building.shard"),
        ("synth/cases.py", "import filters.verdicts"),
    ],
)
def test_a_circle_put_back_breaks_a_contract(tmp_path, file, line):
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    with (tmp_path / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    done = subprocess.run([LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
