"""What manifest, counts, card and verify make of candidates that were drawn again."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from drawn_records import REDRAWN, REDRAWS, draw_record, draw_redrawn_shard, drawn_again

from filters.verdicts import decide
from manifests import layout
from manifests.audit import read_manifest
from manifests.builds import finalise, open_build
from manifests.draws import draws_of, in_words, redraws_of
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.index import read_index
from manifests.parts import read_part
from manifests.records import Refusal, records_table
from manifests.rows import check_rows
from manifests.shards import _write_part, read_commits, write_shard
from manifests.store import Store
from manifests.tars import read_samples
from manifests.verify import verify

PART = layout.part_path(0)


@pytest.fixture
def store(tmp_path):
    """Two committed shards of ten of which many were drawn again, not finalised."""
    store = Store(tmp_path / "out")
    open_build(store, REDRAWN)
    for shard in range(2):
        write_shard(store, shard, draw_redrawn_shard(shard, p_fail=0.15), {})
    return store


def rewrite(store, row, **changes):
    """A forger's work: a row of the first shard with other values, its commit told to trust it."""
    table = read_part(store, read_commits(store)[0])
    rows = table.to_pylist()
    rows[row] |= changes
    _write_part(store, PART, pa.Table.from_pylist(rows, schema=table.schema))
    commit, info = json.loads(store.read(layout.commit_path(0))), store.info(PART)
    commit["files"][PART] |= {"sha256": info.sha256, "bytes": info.bytes}
    store.publish(layout.commit_path(0), json.dumps(commit).encode())


def test_rows_and_labels_tell_of_every_draw(store):
    records = [r for shard in range(2) for r in draw_redrawn_shard(shard, p_fail=0.15)]
    labels = {
        key: json.loads(members["json"])
        for shard in range(2)
        for path in (layout.tar_path(shard), layout.rejected_path(shard))
        if store.exists(path)
        for key, members in read_samples(store, path)
    }
    assert {r.case.draw for r in records} == {0, 1, 2}
    for record, row in zip(records, read_manifest(store).to_pylist(), strict=True):
        assert row["draw"] == record.case.draw
        assert [e["draw"] for e in row["earlier"]] == list(range(row["draw"]))
        for refusal, told in zip(record.earlier, row["earlier"], strict=True):
            assert told["reasons"] == list(decide(refusal.verdicts).reasons)
            scores = [(s["filter"], s["verdict"], s["score"], s["threshold"]) for s in told["scores"]]
            said = [(v.filter, v.outcome, v.score, v.threshold) for v in refusal.verdicts]
            assert repr(scores) == repr(said)
        if record.status != "failed":
            assert labels[row["key"]]["draw"] == row["draw"]


def test_a_draw_that_is_not_told_is_refused():
    record = next(r for i in range(90) if (r := drawn_again(draw_record(i, p_fail=0.3))).case.draw == 2)
    assert len(records_table(0, [record])) == 1
    for earlier in ((), record.earlier[1:], record.earlier[::-1], (Refusal(0, ()), Refusal(1, ()))):
        with pytest.raises(DatasetError, match=r"draw 2 after refused draws \[.*\], expected each before it"):
            records_table(0, [replace(record, earlier=earlier)])


def test_counts_card_and_croissant_tell_draws_from_candidates(store):
    finalise(store)
    assert verify(store) == []
    counts, table = read_index(store).counts, read_manifest(store)
    assert counts.draws == draws_of(table)
    assert len(counts.draws) == REDRAWS + 1
    assert sum(draw["accepted"] for draw in counts.draws) == counts.accepted
    assert counts.draws[0]["judged"] == counts.candidates - counts.failed
    drawn = sum(draw["judged"] for draw in counts.draws)
    assert drawn == sum(1 + len(e) for e in table["earlier"].to_pylist()) - counts.failed
    card = store.read(layout.CARD).decode()
    words = in_words(counts.draws, REDRAWS)
    assert (
        f"## Draws\n\nWhat a filter refuses is drawn again, with the same masks and other noise. U{words[1:]}"
        in card
    )
    assert words.startswith("up to 3 draws a candidate, ")
    first = counts.draws[0]
    share = f"{first['accepted'] / first['judged']:.0%}"
    assert f"| 0 | {first['judged']} | {first['accepted']} | {share} |" in card
    croissant = json.loads(store.read(layout.CROISSANT))
    assert f"{drawn} draws in all, up to 3 of one." in croissant["rai:dataManipulationProtocol"]
    assert "candidates/draw" in [field["@id"] for field in croissant["recordSet"][0]["field"]]


def test_a_build_of_one_draw_each_says_nothing_of_draws(tmp_path):
    assert redraws_of(REDRAWN) == REDRAWS
    assert [redraws_of(build) for build in ({}, {"config": None}, {"config": {"images": 3}})] == [0, 0, 0]
    store = Store(tmp_path / "out")
    open_build(store, {"config": {}})
    write_shard(store, 0, [draw_record(i) for i in range(10)], {})
    finalise(store)
    assert "## Draws" not in store.read(layout.CARD).decode()
    assert "draws" not in json.loads(store.read(layout.CROISSANT))["rai:dataManipulationProtocol"]


def no(**changes):
    score = {"filter": "integrity", "verdict": "fail", "score": 0.1, "threshold": 0.5} | changes
    return {"draw": 0, "reasons": ["integrity"], "scores": [score]}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"draw": 1}, "draw 1 after draws [], expected each before it"),
        ({"draw": 1, "earlier": [no(), no()]}, "draw 1 after draws [0, 0]"),
        ({"draw": 1, "earlier": [no() | {"draw": 1}]}, "draw 1 after draws [1]"),
        ({"draw": 3, "earlier": [no() | {"draw": i} for i in range(3)]}, "at draw 3, expected up to 2"),
        ({"draw": 1, "earlier": [no() | {"reasons": []}]}, "draw 0 refused by [], but ['integrity'] said no"),
        (
            {"draw": 1, "earlier": [no() | {"scores": []}]},
            "draw 0 refused by ['integrity'], but [] said no",
        ),
        (
            {"draw": 1, "earlier": [no(score=0.9)]},
            "draw 0: integrity is fail, but 0.9 >= 0.5 says otherwise",
        ),
        (
            {"draw": 1, "earlier": [no() | {"scores": no()["scores"] * 2}]},
            "draw 0 refused by ['integrity'], but ['integrity'] said no",
        ),
        ({"draw": 1, "earlier": [no(filter="sharpness")]}, "earlier.filter is 'sharpness', expected one of"),
        ({"draw": 1, "earlier": [no(verdict="maybe")]}, "earlier.verdict is 'maybe', expected one of"),
        (
            {"draw": 1, "earlier": [no(score=None)]},
            "earlier.score is None, expected a number of whoever judged",
        ),
        (
            {"draw": 1, "earlier": [no(verdict="skipped")]},
            "earlier.score is 0.1, expected a number of whoever judged",
        ),
        ({"draw": -1}, "draw is -1, expected 0 or more"),
        ({"draw": 1, "earlier": [no() | {"draw": -1}]}, "earlier.draw is -1, expected 0 or more"),
    ],
)
def test_what_contradicts_itself_is_told_even_if_its_digest_was_forged(store, changes, told):
    accepted = next(
        i
        for i, r in enumerate(draw_redrawn_shard(0, p_fail=0.15))
        if r.status == "accepted" and not r.case.draw
    )
    rewrite(store, accepted, **changes)
    assert any(told in str(problem) for problem in verify(store)), list(map(str, verify(store)))


def test_what_is_rejected_before_its_draws_are_spent_is_told(store):
    store.publish(
        layout.BUILD,
        json.dumps(
            {**read_build(store), "config": {"seed": 7, "images": {"retry_draws": REDRAWS + 1}}}
        ).encode(),
    )
    assert any("rejected at draw 2, expected up to 3, and that one of" in p.what for p in verify(store))


@pytest.mark.parametrize("field", ["draw", "reasons", "scores", "filter", "verdict", "threshold"])
def test_a_refusal_without_a_value_is_told(field):
    table = records_table(0, [drawn_again(draw_record(i, p_fail=0.3)) for i in range(20)])
    check_rows(table, "parts")
    loose = pa.list_(
        pa.struct(
            [
                pa.field("draw", pa.int16()),
                pa.field("reasons", pa.list_(pa.string())),
                pa.field(
                    "scores",
                    pa.list_(
                        pa.struct(
                            [
                                pa.field("filter", pa.string()),
                                pa.field("verdict", pa.string()),
                                pa.field("score", pa.float64()),
                                pa.field("threshold", pa.float64()),
                            ]
                        )
                    ),
                ),
            ]
        )
    )
    rows = table["earlier"].to_pylist()
    refusal = next(refusals for refusals in rows if refusals)[0]
    (refusal if field in refusal else refusal["scores"][0])[field] = None
    at = table.column_names.index("earlier")
    broken = table.set_column(at, "earlier", pa.chunked_array([rows], type=loose))
    with pytest.raises(DatasetError, match=rf"parts: earlier\.{field} is None, expected a value"):
        check_rows(broken, "parts")
