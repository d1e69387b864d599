"""A finished build of which more are wanted: nothing that stands is made again."""

import json

import pytest
from standins import digests
from told import is_one_line

from manifests import layout
from manifests.store import Store
from manifests.verify import verify
from synth.weights import SHIPPED

REAL = {"shard_size": 2, "images": {"size": 64, "steps": 2, "batch_size": 2}, "workers": {"count": 1}}

FINAL = {layout.BUILD, *layout.FINAL, layout.INDEX}


def times(folder):
    """When each file was written."""
    return {
        str(p.relative_to(folder)): p.stat().st_mtime_ns
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


@pytest.mark.skipif(not (SHIPPED / "images").is_dir(), reason="the checkpoints are not in this checkout yet")
def test_twice_as_many_are_those_of_before_and_the_bytes_of_a_build_made_at_once(
    invoke, write_config, tmp_path
):
    small = write_config("small.yaml", **REAL, candidates=4)
    assert invoke("build", small, real=True)[0] in (0, 3)  # 3: so few steps, nothing passes
    before, written = digests(tmp_path / "out"), times(tmp_path / "out")
    large = write_config("large.yaml", **REAL, candidates=8)
    assert invoke("build", large, real=True)[0] in (0, 3)
    kept = before.keys() - FINAL
    assert len([path for path in kept if path.startswith("parts/")]) == 2
    after = digests(tmp_path / "out")
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert {p: times(tmp_path / "out")[p] for p in kept} == {p: written[p] for p in kept}
    once = write_config("once.yaml", **REAL, candidates=8, output=str(tmp_path / "once"))
    assert invoke("build", once, real=True)[0] in (0, 3)
    assert digests(tmp_path / "once") == after


def test_a_shard_that_was_not_full_is_filled(invoke, write_config, tmp_path):
    assert invoke("build", write_config(candidates=6))[0] == 0
    before = digests(tmp_path / "out")
    assert invoke("build", write_config(candidates=12))[0] == 0
    after = digests(tmp_path / "out")
    assert after["parts/000000.parquet"] == before["parts/000000.parquet"]
    assert after["parts/000001.parquet"] != before["parts/000001.parquet"]
    assert json.loads((tmp_path / "out/build.json").read_text())["config"]["candidates"] == 12
    assert invoke("build", write_config("once.yaml", candidates=12, output=str(tmp_path / "once")))[0] == 0
    assert digests(tmp_path / "once") == after
    assert verify(Store(tmp_path / "out")) == []


def test_more_accepted_add_shards(invoke, write_config, tmp_path):
    assert invoke("build", write_config(candidates=40, accepted=2))[0] == 0
    before = digests(tmp_path / "out")
    assert invoke("build", write_config(candidates=40, accepted=12))[0] == 0
    after = digests(tmp_path / "out")
    assert len([p for p in after if p.startswith("commits/")]) > 1
    assert {p: d for p, d in before.items() if p.startswith("parts/")}.items() <= after.items()
    once = write_config("once.yaml", candidates=40, accepted=12, output=str(tmp_path / "once"))
    assert invoke("build", once)[0] == 0
    assert digests(tmp_path / "once") == after


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"candidates": 8}, "candidates was 12, is 8, expected as many or more"),
        ({"accepted": 5}, "accepted was all that pass, is 5, expected as many or more"),
    ],
)
def test_fewer_are_refused_and_nothing_changes(invoke, write_config, tmp_path, change, told):
    assert invoke("build", write_config())[0] == 0
    before = digests(tmp_path / "out")
    code, _, err = invoke("build", write_config(**change))
    assert code == 2
    assert is_one_line(err, "may only grow", told)
    assert digests(tmp_path / "out") == before


def test_growing_into_something_else_is_refused(invoke, write_config, tmp_path):
    assert invoke("build", write_config())[0] == 0
    before = digests(tmp_path / "out")
    code, _, err = invoke("build", write_config(candidates=20, seed=8))
    assert code == 2
    assert is_one_line(err, "holds another build: config.seed was 7, is 8;")
    assert digests(tmp_path / "out") == before
