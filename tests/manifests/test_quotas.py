"""Cells of quotas, counted off the rows; what a build.json says of quotas is believed where it can be."""

import json
from pathlib import Path

import pytest
from drawn_records import BUILD, build_store, draw_shard

from manifests.builds import finalise
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.identity import open_build, read_build
from manifests.parts import read_rows
from manifests.quotas import (
    CellCount,
    committed_cells,
    count_cells,
    recorded_quotas,
    short_cells,
    shortest_first,
)
from manifests.shards import write_shard
from manifests.store import Store
from manifests.verify import verify
from synth.findings import FINDING_NAMES
from synth.prompts.quotas import Quotas

PER = {"count": 2, "of": ["view", "finding"], "findings": ["mass", "normal"], "ages": None}


def build(per):
    return {"config": {"accepted_per": per}}


def test_cells_are_counted_as_their_cases_lie(tmp_path):
    store = build_store(tmp_path / "out")
    quotas = Quotas(1, ("finding", "side", "view"), (*FINDING_NAMES, "normal"))
    cases = [record.case for shard in range(3) for record in draw_shard(shard)]
    asked = [sum(i in quotas.of_case(case) for case in cases) for i in range(len(quotas.cells))]
    counts = count_cells(quotas, [read_rows(store)])
    assert [count.asked for count in counts] == asked
    assert sum(asked) > 0
    assert 0 < sum(c.accepted for c in counts) < sum(asked)
    parts = [committed_cells(quotas, store, [commit]) for commit in read_commits(store).values()]
    assert tuple(sum(cells, CellCount()) for cells in zip(*parts, strict=True)) == counts


def test_the_shortest_come_first():
    quotas = Quotas(2, ("finding",), ("mass", "nodule", "normal"))
    counts = (CellCount(9, 2), CellCount(9, 0), CellCount(9, 1))
    assert [cell for cell, _ in shortest_first(quotas, counts)] == ["nodule", "normal", "mass"]
    assert short_cells(quotas, counts) == [
        "nodule: 0 of 9 accepted, 2 wanted",
        "normal: 1 of 9 accepted, 2 wanted",
    ]


def test_what_is_recorded_is_read():
    assert recorded_quotas(build(PER)) == Quotas(2, ("finding", "view"), ("mass", "normal"))
    assert recorded_quotas({"config": {}}) is None
    assert recorded_quotas({}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"count": "2"},
        {"count": 0},
        {"of": ["zone"]},
        {"of": []},
        {"findings": ["\x1b[2J"]},
        {"findings": 3},
        {"ages": [65, 40]},
        {"ages": [10**30]},
        {"more": 1},
    ],
)
def test_what_are_no_quotas_is_one_line(change):
    with pytest.raises(DatasetError, match=r"^build\.json: config\.accepted_per.*: not quotas") as caught:
        recorded_quotas(build({**PER, **change}))
    assert caught.value.args[0].isprintable()


def test_verify_tells_it(tmp_path):
    store = Store(tmp_path / "out")
    open_build(store, {**BUILD, "config": {"accepted_per": PER}})
    write_shard(store, 0, draw_shard(0), {})
    finalise(store)
    assert [p for p in verify(store) if not p.note] == []
    path = Path(store.path("build.json"))
    broken = read_build(store)
    broken["config"]["accepted_per"]["count"] = "many"
    path.write_text(json.dumps(broken))
    assert any("not quotas" in str(problem) for problem in verify(store))
