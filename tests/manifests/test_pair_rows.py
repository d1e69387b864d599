"""Pairs of edited radiographs in rows, samples, index, card and contact sheet."""

import json
from dataclasses import replace

import pytest
import yaml
from drawn_records import BUILD, build_store, draw_record

from manifests import layout
from manifests.audit import read_manifest
from manifests.builds import finalise, open_build
from manifests.members import LABELS
from manifests.shards import write_shard
from manifests.sheets.contact_sheet import _first, contact_sheet
from manifests.store import Store
from manifests.tars import read_samples
from manifests.verify import verify

#: Of pair i, which of its two candidates are accepted.
ACCEPTED = ((True, False), (True, True), (False, True), (False, False), (True, True))


def paired_record(index):
    """A record of a pair, accepted or not as ACCEPTED has it."""
    wanted = "accepted" if ACCEPTED[index // 2][index % 2] else "rejected"
    drawn = next(r for seed in range(99) if (r := draw_record(index, seed, 0.2, 0)).status == wanted)
    case = replace(
        drawn.case,
        pair=f"{index - index % 2:09d}",
        source_sha256=f"{index // 2:064d}",
        edit="removed mass" if index % 2 else "before",
    )
    return replace(drawn, case=case, candidate=replace(drawn.candidate, case=case))


@pytest.fixture
def pairs(tmp_path):
    """Two shards of pairs, finalised."""
    store = Store(tmp_path / "pairs")
    open_build(store, {**BUILD, "config": {**BUILD["config"], "edit": {"remove": ["mass"]}}})
    for shard, keys in enumerate((range(6), range(6, 10))):
        write_shard(store, shard, [paired_record(i) for i in keys], {})
    finalise(store)
    return store


def test_rows_and_samples_say_the_same(pairs):
    assert verify(pairs) == []
    rows = {row["key"]: row for row in read_manifest(pairs).to_pylist()}
    for i, row in enumerate(rows.values()):
        case = paired_record(i).case
        assert (row["pair"], row["source_sha256"], row["edit"]) == (case.pair, case.source_sha256, case.edit)
    for key, members in read_samples(pairs, layout.tar_path(0)):
        labels = json.loads(members[LABELS])
        for name in ("pair", "source_sha256", "edit"):
            assert labels[name] == rows[key][name]


def test_an_ordinary_build_has_nulls_in_rows_and_text_in_samples(tmp_path):
    store = build_store(tmp_path / "out")
    finalise(store)
    for row in read_manifest(store).to_pylist():
        assert (row["pair"], row["source_sha256"], row["edit"]) == (None, None, None)
    for _, members in read_samples(store, layout.tar_path(0)):
        labels = json.loads(members[LABELS])
        assert (labels["pair"], labels["source_sha256"], labels["edit"]) == ("", "", "")
    assert "pairs are whole" not in store.read(layout.CARD).decode()


def test_the_index_counts_whole_pairs_and_the_card_tells_them_and_whose_images_they_are(pairs):
    assert finalise(pairs).counts.pairs == {"asked": 5, "accepted": 2}
    card = pairs.read(layout.CARD).decode()
    assert "2 of 5 pairs are whole" in card
    assert "are not purely synthetic" in card
    assert "No image shows a person" not in card
    front = yaml.safe_load(card.split("---")[1])
    assert front["pretty_name"] == "Counterfactual chest radiographs"
    assert "synthetic" not in front["tags"]


def test_a_sheet_shows_whole_pairs_first(pairs):
    assert [s.key[-1] for s in _first(pairs, 9, 0)] == ["2", "3", "8", "9", "0", "5"]
    assert [s.key[-1] for s in _first(pairs, 5, 1)] == ["2", "3", "8", "9", "0", "1"]
    assert [s.key[-1] for s in _first(pairs, 2, 0)] == ["2", "3"]
    assert [s.edit for s in _first(pairs, 2, 0)] == ["before", "removed mass"]
    assert contact_sheet(pairs, 4, 2, columns=3, tile=64) == contact_sheet(pairs, 4, 2, columns=2, tile=64)


def test_a_sheet_of_an_ordinary_build_keeps_the_order_of_keys(tmp_path):
    store = build_store(tmp_path / "out")
    keys = [s.key for s in _first(store, 8, 3)]
    assert keys[:8] == sorted(keys[:8])
    assert len(keys) == 11
