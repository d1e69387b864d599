"""Findings that filters seldom accept: which they are, and that everything that shows findings says so."""

import json
import shutil
from fractions import Fraction

import pyarrow as pa
import pytest
from conftest import ROOT
from drawn_exports import REFUSED, build_seen, exported, often_refused, understood
from drawn_records import BUILD, REDRAWN, build_store, draw_record, draw_redrawn_shard, draw_shard, snapshot

from manifests import layout
from manifests.builds import finalise
from manifests.commits import read_commits
from manifests.exporting.folder import DONE
from manifests.identity import open_build
from manifests.index import count_rows, read_index
from manifests.parts import read_rows
from manifests.quotas import CellCount, shortest_first
from manifests.seldom import MARK, read_seldom, warning
from manifests.selection import LEAST, Acceptance, seldom_accepted
from manifests.shards import write_shard
from manifests.sheets.contact_sheet import contact_sheet
from manifests.store import Store
from manifests.verify import verify
from synth.findings import FINDING_NAMES, FINDINGS
from synth.prompts.quotas import Quotas


def shares(accepted, judged):
    return {"finding": {"mass": {"judged": judged, "accepted": accepted}} if judged else {}}


@pytest.mark.parametrize(
    ("accepted", "judged", "seldom"),
    [(0, 0, False), (0, 1, True), (1, 1, False), (2, 5, False), (1, 5, True), (3, 8, True), (4, 10, False)],
)
def test_a_finding_is_trusted_from_two_of_five_on(accepted, judged, seldom):
    assert seldom_accepted(shares(accepted, judged)) == (
        {"mass": Acceptance(judged, accepted)} if seldom else {}
    )


def test_the_threshold_is_exact_at_every_size():
    for judged in range(1, 400):
        fewest = -(-2 * judged // 5)
        assert not Acceptance(judged, fewest).is_seldom
        assert Acceptance(judged, fewest - 1).is_seldom
    assert Fraction(str(LEAST)) == Fraction(2, 5)
    page = (ROOT / "docs/dataset-format.md").read_text("utf-8")
    assert f"**less than {100 * LEAST:g} %**" in page


def counted(rows):
    """Finding to judged and accepted, one candidate after the other."""
    found = {}
    for row in rows:
        for name in {finding["name"] for finding in row["findings"]} if row["status"] != "failed" else ():
            judged, accepted = found.get(name, (0, 0))
            found[name] = (judged + 1, accepted + (row["status"] == "accepted"))
    return {n: Acceptance(j, a) for n, (j, a) in found.items() if 5 * a < 2 * j}


@pytest.mark.parametrize("p_fail", [0.1, 0.2, 0.4])
def test_rows_say_which_they_are_whatever_tables_they_come_in(tmp_path, p_fail):
    table = read_rows(build_store(tmp_path / "out", p_fail=p_fail, p_break=0.2))
    found = count_rows([table]).seldom
    assert found == counted(table.to_pylist())
    assert found == count_rows([table[:7], table[7:]]).seldom
    assert list(found) == [name for name in FINDING_NAMES if name in found]
    assert p_fail < 0.2 or found


def test_a_candidate_that_is_drawn_again_counts_once(tmp_path):
    store = Store(tmp_path / "out")
    open_build(store, REDRAWN)
    write_shard(store, 0, draw_redrawn_shard(0, 60, p_fail=0.3), {})
    rows = read_rows(store).to_pylist()
    assert sum(len(row["earlier"]) for row in rows) > 10
    assert any(row["earlier"] and row["status"] == "accepted" for row in rows)
    assert read_seldom(store) == counted(rows)


def test_what_nobody_judged_has_no_mark():
    row = {"status": "failed", "reasons": [], "findings": [{"name": "mass", "side": None}], "complete": True}
    rest = {"instances": None, "width": None, "height": None, "pair": None, "age": None, "sex": None}
    assert count_rows([pa.Table.from_pylist([{**row, **rest, "view": None}] * 9)]).seldom == {}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Three shards of twelve; of REFUSED one candidate is accepted."""
    store = build_seen(tmp_path_factory.mktemp("build"), change=often_refused)
    finalise(store)
    return store


def test_index_card_and_croissant_say_it_and_are_verified(source):
    seldom = counted(read_rows(source).to_pylist())
    assert REFUSED in seldom
    index = json.loads(source.read(layout.INDEX))
    assert index["counts"]["seldom"][REFUSED] == vars(seldom[REFUSED])
    assert read_index(source).counts.seldom == read_seldom(source) == seldom
    card = source.read(layout.CARD).decode()
    for name, finding in FINDINGS.items():
        assert (f"| {finding.title}{MARK} |" in card) == (name in seldom)
        assert (f"| finding | {finding.title}{MARK} |" in card) == (name in seldom)
    assert f"{REFUSED} ({seldom[REFUSED].accepted} of {seldom[REFUSED].judged})" in warning(seldom)
    assert f"\n{MARK} Seldom accepted: {warning(seldom)}.\n" in card
    limits = json.loads(source.read(layout.CROISSANT))["rai:dataLimitations"]
    assert limits.endswith(f" Seldom accepted: {warning(seldom)}.")
    assert json.loads(source.read(layout.COCO))["info"]["description"].endswith(warning(seldom))
    assert verify(source) == []


def test_where_all_are_often_accepted_nothing_is_marked(tmp_path):
    store = build_store(tmp_path / "out", p_fail=0.0, p_break=0.0)
    finalise(store)
    assert json.loads(store.read(layout.INDEX))["counts"]["seldom"] == {} == read_seldom(store)
    assert MARK not in store.read(layout.CARD).decode()
    assert "Seldom" not in store.read(layout.CROISSANT).decode()


def test_a_build_half_done_is_marked_by_what_is_committed(source, tmp_path):
    half = Store(shutil.copytree(source.root, tmp_path / "half"))
    for name in (layout.INDEX, layout.commit_path(2)):
        half.remove(name)
    assert read_seldom(half) == counted(read_rows(half).to_pylist())
    half.remove(layout.commit_path(0))
    half.remove(layout.commit_path(1))
    assert read_seldom(half) == {}


def test_while_a_finished_build_grows_its_marks_are_those_of_its_card(source, tmp_path):
    grown = build_seen(tmp_path / "grown", shards=1, change=often_refused)
    before = finalise(grown).counts.seldom
    for first in (12, 24):
        records = [often_refused(draw_record(i, p_fail=0.02)) for i in range(first, first + 12)]
        write_shard(grown, first // 12, [understood(record) for record in records], {"batch_size": 8})
    assert len(read_commits(grown)) == 3
    assert read_seldom(grown) == before != read_seldom(source)
    assert finalise(grown).counts.seldom == read_seldom(source)
    assert snapshot(grown) == snapshot(source)


def older(source, folder):
    """The build as a version before the mark left it."""
    store = Store(shutil.copytree(source.root, folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("manifests.index.seldom_accepted", lambda shares: None)
        finalise(store)
    index = json.loads(store.read(layout.INDEX))
    del index["counts"]["seldom"]
    store.publish(layout.INDEX, json.dumps(index).encode())
    return store


def test_of_an_older_index_nothing_is_marked_until_it_is_finalised_again(source, tmp_path):
    store = older(source, tmp_path / "older")
    assert read_index(store).counts.seldom is None
    assert read_seldom(store) == {}
    assert [str(found) for found in verify(store)] == [
        "note: index.json: does not say which findings are seldom accepted: finalise again",
        "note: README.md: is not the card that this version writes: finalise again",
        "note: croissant.json: is not in the words of this version: finalise again",
    ]
    finalise(store)
    assert snapshot(store) == snapshot(source)


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ("coco", "annotations/instances_train.json"),
        ("yolo", "data.yaml"),
        ("hf", "README.md"),
        ("monai", "datalist.json"),
        ("nnunet", "dataset.json"),
    ],
)
def test_an_export_says_it_beside_its_files(source, tmp_path, form, path):
    found = exported(source, tmp_path / "out", form)
    assert found.seldom == read_seldom(source)
    told = json.loads((tmp_path / "out" / DONE).read_text())["seldom"]
    assert told == {name: vars(acceptance) for name, acceptance in found.seldom.items()}
    assert warning(found.seldom) in (tmp_path / "out" / path).read_text("utf-8")


def test_what_passed_is_a_label_all_the_same(source, tmp_path):
    kept = exported(source, tmp_path / "kept", "coco")
    before = exported(older(source, tmp_path / "older"), tmp_path / "before", "coco")
    assert kept.lesions[REFUSED] > 0
    assert kept.lesions == before.lesions
    assert kept.doubted == before.doubted


def test_cells_of_such_a_finding_are_marked():
    quotas = Quotas(2, ("finding", "view"), ("mass", "normal"))
    cells = [name for name, _ in shortest_first(quotas, [CellCount()] * 4, {"mass"})]
    assert cells == [f"mass, PA{MARK}", f"mass, AP{MARK}", "normal, PA", "normal, AP"]


def test_a_contact_sheet_has_the_mark_in_its_legend(source, tmp_path):
    marked, plain = (contact_sheet(s, 0, 9, tile=64) for s in (source, older(source, tmp_path / "older")))
    assert marked != plain
    assert contact_sheet(source, 0, 9, tile=64) == marked


def test_a_card_with_quotas_marks_their_cells(tmp_path):
    config = {"accepted_per": {"count": 9, "of": ["finding"], "findings": [REFUSED], "ages": None}}
    store = Store(tmp_path / "out")
    open_build(store, BUILD | {"config": config})
    records = [often_refused(record) for record in draw_shard(0, 30)]
    asked = sum(REFUSED in {finding.name for finding in record.case.findings} for record in records)
    write_shard(store, 0, records, {})
    seldom = finalise(store).counts.seldom
    cells = store.read(layout.CARD).decode().partition("## Quotas")[2]
    assert f"| {REFUSED}{MARK} | {asked} | {seldom[REFUSED].accepted} |" in cells
