"""docs/loaders.md: its trainings are under 20 lines and run as written; its choices are the loaders'."""

import math
import re
from dataclasses import fields

import drawn_exports
import drawn_records
import pytest
from conftest import ROOT

from manifests.loaders.choice import Choice

PAGE = (ROOT / "docs" / "loaders.md").read_text("utf-8")
DETECTOR, SEGMENTER, CHOICE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small builds under the page's names, of films that a segmenter's encoder can halve five times."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        for module in (drawn_records, drawn_exports):
            patch.setattr(module, "SIZE", 64)
        drawn_exports.build_seen(folder / "out/demo", 2)
        second = drawn_records.BUILD | {"config_hash": "decaf"}
        drawn_exports.build_seen(folder / "out/second", 2, build=second)
    return folder


def run(code, folder, monkeypatch):
    """What an example has made, in a process where the page's folders are."""
    monkeypatch.chdir(folder)
    space: dict = {}
    exec(compile(code, "docs/loaders.md", "exec"), space)
    return space


@pytest.mark.slow
@pytest.mark.parametrize("code", [DETECTOR, SEGMENTER], ids=["detector", "segmenter"])
def test_trainings_run_as_written(folder, monkeypatch, capsys, code):
    import torch

    torch.manual_seed(0)
    assert len(code.splitlines()) < 20
    space = run(code, folder, monkeypatch)
    first, last = (float(line.split()[1]) for line in capsys.readouterr().out.splitlines())
    assert math.isfinite(first)
    assert last < first
    assert space["stream"].epoch == 2


def test_the_choice_runs_and_names_every_field(folder, monkeypatch):
    dataset = run(CHOICE.replace('view="PA"', "view=None"), folder, monkeypatch)["dataset"]
    assert {dataset[place]["build"] for place in range(len(dataset))} > {dataset[0]["build"]}
    section = PAGE.split("\n## Which samples\n")[1].split("\n## ")[0]
    assert [f.name for f in fields(Choice) if f"{f.name}=" not in section] == []
