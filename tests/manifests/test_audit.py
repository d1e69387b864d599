import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from drawn_records import BUILD, build_store, draw_record
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.registry import FILTER_NAMES, FILTERS
from filters.verdicts import Verdict, decide
from manifests import layout
from manifests.audit import histograms, read_manifest, replay, waterfall
from manifests.builds import finalise, open_build
from manifests.errors import DatasetError
from manifests.index import read_index
from manifests.marks import Origin
from manifests.members import encode_sample
from manifests.records import Record, records_table
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import MaskSet


def rows(seed=0, n=40, **options):
    return records_table(0, [draw_record(i, seed=seed, **options) for i in range(n)])


def loosened(name, by):
    return 0.5 - by if FILTERS[name].keep == ">=" else 0.5 + by


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), p_fail=st.floats(0, 1), named=st.sets(st.sampled_from(FILTER_NAMES)))
def test_the_original_thresholds_reproduce_every_decision(seed, p_fail, named):
    table = rows(seed, 20, p_fail=p_fail)
    before = np.array(table["status"].to_pylist())
    judged = {n for n in named if {"pass", "fail"} & set(table[f"{n}_verdict"].to_pylist())}
    result = replay(table, dict.fromkeys(judged, 0.5))
    assert list(result.statuses) == list(before)
    assert (result.gained, result.lost, result.undecided) == ((), (), ())
    assert (result.findings["before"] == result.findings["after"]).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    name=st.sampled_from(FILTER_NAMES),
    a=st.floats(-1, 1),
    b=st.floats(0, 1),
)
def test_loosening_never_rejects_more(seed, name, a, b):
    table = rows(seed, 30, p_fail=0.4)
    tight, loose = (
        replay(table, {name: loosened(name, a)}),
        replay(table, {name: loosened(name, a + b)}),
    )
    assert loose.rejected <= tight.rejected
    assert loose.accepted >= tight.accepted
    assert set(np.flatnonzero(loose.statuses == "rejected")) <= set(
        np.flatnonzero(tight.statuses == "rejected")
    )
    for r in (tight, loose):
        assert r.accepted + r.rejected + r.failed + len(r.undecided) == table.num_rows


def test_replay_agrees_with_deciding_again():
    records = [draw_record(i, p_fail=0.3) for i in range(60)]
    result = replay(records_table(0, records), {"integrity": 0.7})
    for record, status in zip(records, result.statuses, strict=True):
        if record.status == "failed" or status == "undecided":
            continue
        again = [
            Verdict(v.filter, "pass" if v.score >= 0.7 else "fail", v.score, 0.7, v.keep)
            if v.filter == "integrity" and v.score is not None
            else v
            for v in record.verdicts
        ]
        assert decide(again).status == status


def verdict(name, outcome, score=None, why=""):
    detail = {"why": why} if why else {}
    return Verdict(name, outcome, score, 0.5, FILTERS[name].keep, detail=detail)


def record(index, *verdicts):
    drawn = next(r for i in range(50) if (r := draw_record(index, seed=i)).candidate)
    decision = decide(verdicts)
    return Record(drawn.case, decision.status, drawn.candidate, verdicts, decision.reasons)


def test_what_cheap_first_never_judged_stays_undecided():
    cheap = [
        verdict("integrity", "fail", 0.4),
        verdict("training_copy", "skipped", why="rejected before"),
    ]
    off = [verdict("integrity", "fail", 0.4), verdict("training_copy", "skipped", why="disabled")]
    fine = [verdict("integrity", "pass", 0.9), verdict("training_copy", "pass", 0.9)]
    table = records_table(0, [record(0, *cheap), record(1, *off), record(2, *fine)])
    result = replay(table, {"integrity": 0.3})
    assert list(result.statuses) == ["undecided", "accepted", "accepted"]
    assert result.undecided == ("000000000",)
    assert result.gained == ("000000001",)


def test_the_waterfall_counts_first_any_and_alone():
    table = records_table(
        0,
        [
            record(0, verdict("integrity", "pass", 1.0), verdict("training_copy", "pass", 1.0)),
            record(1, verdict("integrity", "fail", 0.1), verdict("training_copy", "fail", 0.1)),
            record(2, verdict("integrity", "pass", 1.0), verdict("training_copy", "fail", 0.1)),
            Record(draw_record(3).case, "failed", error="image: out of luck"),
        ],
    )
    result = waterfall(table)
    assert (result.candidates, result.accepted, result.rejected, result.failed) == (4, 1, 2, 1)
    assert result.filters.loc["integrity"].tolist() == [3, 0, 1, 1, 0, 2]
    assert result.filters.loc["training_copy"].tolist() == [3, 0, 2, 1, 1, 1]
    assert result.filters["left"].iloc[-1] == result.accepted


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_waterfall_adds_up(seed):
    result = waterfall(rows(seed, 30, p_fail=0.3))
    assert result.filters["first"].sum() == result.rejected
    assert result.filters["left"].iloc[-1] == result.accepted
    assert (result.filters["first"] <= result.filters["failing"]).all()


def test_histograms_hold_every_finite_score():
    table = rows(n=300, p_fail=0.3)
    for name, histogram in histograms(table, bins=12).items():
        verdicts = table[f"{name}_verdict"].to_pylist()
        scores = table[f"{name}_score"].to_pylist()
        lost = sum(s is not None and math.isnan(s) for s in scores)
        assert histogram.not_finite == lost
        assert histogram.passing.sum() == verdicts.count("pass")
        assert histogram.failing.sum() == verdicts.count("fail") - lost
        assert histogram.thresholds == (0.5,)
        assert len(histogram.edges) == 13


def test_a_manifest_from_before_a_filter_shipped_is_audited_without_it():
    table = rows(n=40)
    older = table.drop_columns([c for c in table.column_names if c.startswith("training_copy_")])
    assert list(waterfall(older).filters.index) == list(FILTER_NAMES[:-1])
    assert "training_copy" not in histograms(older)
    with pytest.raises(DatasetError, match="training_copy: unknown"):
        replay(older, {"training_copy": 0.1})


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"sharpness": 0.5}, r"filters\.sharpness: unknown, expected one of integrity"),
        ({"integrity": float("nan")}, r"filters\.integrity\.threshold: nan"),
    ],
)
def test_wrong_thresholds(thresholds, message):
    with pytest.raises(DatasetError, match=message):
        replay(rows(), thresholds)


def test_a_disabled_filter_cannot_be_replayed():
    table = records_table(0, [record(0, verdict("integrity", "skipped", why="disabled"))])
    with pytest.raises(DatasetError, match=r"filters\.integrity: judged nothing"):
        replay(table, {"integrity": 0.1})


def test_a_build_in_progress_and_a_finished_one_give_the_same_rows(store):
    before = str(read_manifest(store).to_pylist())
    finalise(store)
    assert str(read_manifest(store).to_pylist()) == before


def test_a_changed_manifest_is_refused(store):
    finalise(store)
    store.publish(layout.MANIFEST, store.read(layout.PARTS + "/000000.parquet"))
    with pytest.raises(DatasetError, match=r"manifest\.parquet: was changed"):
        read_manifest(store)


def test_an_empty_build_has_nothing_to_audit(tmp_path):
    open_build(store := Store(tmp_path), BUILD)
    with pytest.raises(DatasetError, match="no shard is committed"):
        read_manifest(store)


def test_auditing_loads_no_torch(tmp_path):
    build_store(tmp_path / "out", shards=1)
    code = (
        "import sys; from manifests.audit import *; from manifests.store import Store;"
        f"waterfall(read_manifest(Store({str(tmp_path / 'out')!r})));"
        "import manifests.builds, manifests.verify, manifests.sheets.contact_sheet;"
        "sys.exit('torch' in sys.modules or 'prefect' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_was_not_understood_is_counted_as_unknown_never_as_normal(tmp_path):
    """In the manifest, the counts, the card, ``KEY.json`` and an audit alike."""
    store, texts = Store(tmp_path / "out"), (("Normal.", True), ("Kerley B lines.", False))
    open_build(store, BUILD)
    drawn = [r for i in range(40) if (r := draw_record(i, p_fail=0, p_break=0)).status == "accepted"][:2]
    records = []
    for record, (prompt, complete) in zip(drawn, texts, strict=True):
        case = replace(record.case, prompt=prompt, findings=(), complete=complete)
        candidate = replace(record.candidate, case=case, masks=MaskSet(record.candidate.masks.anatomy))
        records.append(replace(record, case=case, candidate=candidate))
    write_shard(store, 0, records, {})
    finalise(store)
    counts = read_index(store).counts
    assert counts.normal == counts.incomplete == {"asked": 1, "accepted": 1}
    table = read_manifest(store)
    assert table["complete"].to_pylist() == [True, False]
    assert dict(replay(table, {}).findings["before"]) == {"no_finding": 1, "unknown": 1}
    assert "| none | 1 | 1 | 0 |\n| not known | 1 | 1 | |\n" in store.read(layout.CARD).decode()
    labels = [json.loads(encode_sample(r, Origin("ab" * 32, "synthorax 0"))["json"]) for r in records]
    assert [(s["complete"], s["findings"][0]["name"]) for s in labels] == [
        (True, "no_finding"),
        (False, "unknown"),
    ]
