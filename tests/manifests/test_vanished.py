"""Findings that were asked for and hardly ever accepted are told, with the filter that refused most."""

from dataclasses import replace

import pyarrow as pa
import pytest
from drawn_records import BUILD, build_store, draw_record

from manifests.audit import read_manifest
from manifests.builds import finalise
from manifests.identity import open_build
from manifests.index import count_rows
from manifests.parts import read_rows
from manifests.shards import write_shard
from manifests.store import Store
from manifests.vanished import REFUSED, vanished
from manifests.verify import verify
from synth.cases import FindingRequest


def rows(*kinds):
    """A table of (finding or None, status, filters that said no, times)."""
    out = []
    for finding, status, reasons, times in kinds:
        findings = [{"name": finding, "side": None}] if finding else []
        row = {"status": status, "reasons": list(reasons), "findings": findings, "complete": True}
        missing = {"instances": None, "width": None, "height": None, "pair": None}
        out += [{**row, **missing, "age": None, "sex": None, "view": None}] * times
    return pa.Table.from_pylist(out)


def told(table):
    return [str(finding) for finding in vanished(count_rows([table]), [table])]


def test_who_refused_most_is_named():
    table = rows(
        ("calcification", "rejected", ["integrity", "lesion_agreement"], 4),
        ("calcification", "rejected", ["lesion_agreement"], 9),
        ("mass", "accepted", [], 9),
    )
    assert told(table) == ["calcification: none of 13 accepted, lesion_agreement refused most (13)"]
    assert [str(f) for f in vanished(count_rows([table]))] == ["calcification: none of 13 accepted"]


@pytest.mark.parametrize(
    ("accepted", "refused", "line"),
    [
        (0, 4, None),  # fewer than 5 say nothing
        (0, 5, "mass: none of 5 accepted, integrity refused most (5)"),
        (1, 9, None),  # a tenth
        (1, 10, "mass: 1 of 11 accepted, integrity refused most (10)"),
    ],
)
def test_what_is_few(accepted, refused, line):
    table = rows(("mass", "accepted", [], accepted), ("mass", "rejected", ["integrity"], refused))
    assert told(table) == ([line] if line else [])


def test_that_there_is_no_finding_may_vanish_too():
    assert told(rows((None, "rejected", ["integrity"], 6), ("mass", "accepted", [], 1))) == [
        "no finding: none of 6 accepted, integrity refused most (6)"
    ]


def test_what_broke_has_nobody_who_refused():
    assert told(rows(("mass", "failed", [], 5))) == ["mass: none of 5 accepted"]


def test_the_card_says_it_and_is_verified(tmp_path):
    store = Store(tmp_path / "out")
    open_build(store, BUILD)
    records = []
    for record in (draw_record(i, p_break=0.0) for i in range(60)):
        wanted = record.status == "rejected"
        case = replace(record.case, findings=(FindingRequest("mass" if wanted else "nodule"),), complete=True)
        records.append(replace(record, case=case, candidate=replace(record.candidate, case=case)))
    write_shard(store, 0, records, {})
    finalise(store)
    (line,) = told(read_manifest(store))
    assert f"Asked for, and hardly ever accepted:\n\n- {line}\n" in store.read("README.md").decode()
    assert read_rows(store, REFUSED).column_names == list(REFUSED)
    assert [p for p in verify(store) if p.path == "README.md"] == []


def test_many_that_vanish_are_a_line_each(tmp_path):
    store = build_store(tmp_path / "out", p_fail=0.9)
    finalise(store)
    text = store.read("README.md").decode()
    assert text.count(" refused most (") == len(told(read_manifest(store))) > 1
    assert verify(store) == []
