import shutil
from pathlib import Path

import pytest
from drawn_records import BUILD, draw_shard

from manifests.builds import finalise, open_build
from manifests.errors import DatasetError
from manifests.measured import build_identity, check_measured
from manifests.shards import write_shard
from manifests.store import Store


def test_the_folder_and_finalising_do_not_count(store, tmp_path):
    before = build_identity(store)
    index = finalise(store)
    assert build_identity(store) == before
    assert before["build_hash"] == index.build_hash
    assert (before["candidates"], before["accepted"]) == (index.counts.candidates, index.counts.accepted)
    shutil.copytree(store.root, tmp_path / "moved")
    moved = build_identity(Store(tmp_path / "moved"))
    assert moved["hash"] == before["hash"]
    check_measured({"build": before}, moved, "evaluation.json")


def test_a_build_that_grew_is_another(store):
    before = build_identity(store)
    write_shard(store, 3, draw_shard(3), {"batch_size": 8})
    with pytest.raises(
        DatasetError, match=r"^evaluation\.json: measured on another build .* expected [0-9a-f]{12}$"
    ):
        check_measured({"build": before}, build_identity(store), "evaluation.json")


@pytest.mark.parametrize("about", [{}, {"build": None}, {"build": {"path": "x"}}, {"build": {"hash": 3}}])
def test_figures_of_no_build_are_told(store, about):
    with pytest.raises(DatasetError, match=r"^f\.json: about\.build\.hash is missing"):
        check_measured(about, build_identity(store), "f.json")


def test_nothing_committed_or_no_build_is_told(tmp_path: Path):
    empty = Store(tmp_path / "empty")
    with pytest.raises(DatasetError, match=r"build\.json is missing"):
        build_identity(empty)
    open_build(empty, BUILD)
    with pytest.raises(DatasetError, match="no shard is committed"):
        build_identity(empty)
