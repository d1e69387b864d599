"""Splits: whole bodies, each finding in its share, and nothing moves when the dataset grows."""

from collections import Counter

import numpy as np
import pytest
from drawn_exports import build_seen

from manifests.commits import read_commits
from manifests.exporting import splits
from manifests.exporting.settings import ExportSettings
from synth.findings import FINDING_NAMES


def drawn_rows(count, pairs=False):
    rng = np.random.default_rng(3)
    rows = []
    for index in range(count):
        body = f"{index // 2:064x}" if pairs else None
        names = rng.choice(FINDING_NAMES, rng.integers(0, 3), replace=False)
        rows.append(
            {"key": f"{index:09d}", "findings": [{"name": str(n)} for n in names], "source_sha256": body}
        )
    return rows


def test_every_finding_has_its_share():
    rows = drawn_rows(6000)
    found = splits.deal(rows, ExportSettings(val=10, test=20))
    assert sorted(splits.RAREST) == sorted(FINDING_NAMES)
    for finding in FINDING_NAMES:
        of_it = Counter(found[r["key"]] for r in rows if finding in {f["name"] for f in r["findings"]})
        assert of_it["val"] / of_it.total() == pytest.approx(0.1, abs=0.03)
        assert of_it["test"] / of_it.total() == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("pairs", [False, True])
def test_a_grown_dataset_keeps_its_split(pairs):
    rows = drawn_rows(400, pairs)
    whole = splits.deal(rows, ExportSettings())
    for count in (7, 100, 399):
        part = splits.deal(rows[:count], ExportSettings())
        assert part == {key: whole[key] for key in part}


def test_both_of_a_pair_are_one_body():
    found = splits.deal(drawn_rows(400, pairs=True), ExportSettings())
    assert all(found[f"{i:09d}"] == found[f"{i + 1:09d}"] for i in range(0, 400, 2))


def test_shares_of_nothing_are_empty():
    assert set(splits.deal(drawn_rows(50), ExportSettings(val=0, test=0)).values()) == {"train"}


def test_near_duplicates_follow_the_earlier_or_go(tmp_path, monkeypatch):
    store = build_seen(tmp_path / "build")
    commits = list(read_commits(store).values())
    plain = splits.plan_splits(store, commits, ExportSettings())
    trains = [key for key, split in plain.items() if split == "train" and key < "000000020"]
    (test, *_) = [key for key, split in plain.items() if split == "test" and key < "000000020"]
    pairs = [("000000030", test), ("000000031", trains[0]), ("000000031", test), ("000000032", "000000030")]
    monkeypatch.setattr(splits, "duplicate_pairs", lambda store, commits: pairs)
    found = splits.plan_splits(store, commits, ExportSettings())
    assert found["000000030"] == found["000000032"] == "test"
    assert found["000000031"] is None
    moved = {"000000030", "000000031", "000000032"}
    assert all(found[key] == split for key, split in plain.items() if key not in moved)
