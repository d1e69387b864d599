"""`synthorax reproduce`: one candidate of a real small build, made again alone."""

import json

import pytest
from told import is_one_line

from manifests import layout
from manifests.audit import read_manifest
from manifests.canonical import to_json
from manifests.store import Store
from synth.weights import SHIPPED

REAL = {
    "candidates": 4,
    "shard_size": 4,
    "images": {"size": 64, "steps": 2, "batch_size": 3},
    "workers": {"count": 1},
}


@pytest.mark.skipif(not (SHIPPED / "images").is_dir(), reason="the checkpoints are not in this checkout yet")
def test_each_candidate_of_a_real_build_is_the_same_again(invoke, write_config, tmp_path, monkeypatch):
    assert invoke("build", write_config(**REAL), real=True)[0] in (0, 3)
    store, out = Store(tmp_path / "out"), str(tmp_path / "out")
    rows = {row["key"]: row for row in read_manifest(store).to_pylist()}
    for key in ("000000001", "000000003"):  # in another batch, at another place of it
        code, text, err = invoke("reproduce", out, key, real=True)
        assert code == 0, err
        assert f"{key}: {rows[key]['status']}" in text
        assert "the same pixels: KEY.png, KEY.anatomy.png, KEY.lesions.png" in text
        assert "the same scores: integrity" in text
    build = json.loads(store.read(layout.BUILD))
    name = sorted(build["weights"])[0]
    other = {**build, "weights": {**build["weights"], name: "0" * 64}}
    store.publish(layout.BUILD, to_json(other))
    code, _, err = invoke("reproduce", out, "000000001", real=True)
    assert code == 2
    assert is_one_line(err, f"{name} was 0000000000000000, is {build['weights'][name][:16]}")
    store.publish(layout.BUILD, to_json({**build, "config": {**build["config"], "seed": 8}}))
    code, _, err = invoke("reproduce", out, "000000001", real=True)
    assert code == 2
    assert is_one_line(err, "000000001", "NOT THE SAME: KEY.png")


def test_a_key_that_no_shard_holds_is_told(invoke, write_config, tmp_path):
    assert invoke("build", write_config())[0] == 0
    for key in ("000000099", "9", "../../etc"):
        code, _, err = invoke("reproduce", tmp_path / "out", key)
        assert code == 2
        assert is_one_line(err, f"key: '{key}', expected nine digits that a committed shard")


def test_only_where_files_lie_may_be_set(invoke, write_config, tmp_path):
    assert invoke("build", write_config())[0] == 0
    code, _, err = invoke("reproduce", tmp_path / "out", "000000000", "--set", "seed=3")
    assert code == 2
    assert is_one_line(err, "--set seed: expected where a file lies", "prompts.file")


def test_a_candidate_that_failed_is_made_again_and_one_without_a_tar_is_compared_by_its_row(
    invoke, write_config, tmp_path
):
    assert invoke("build", write_config(), broken="000000002")[0] == 1
    out = tmp_path / "out"
    code, text, _ = invoke("reproduce", out, "000000002")
    assert code == 0
    assert "the build holds no pixels of it to compare with" in text
    code, text, _ = invoke("reproduce", out, "000000002", broken="000000002")
    assert code == 0
    assert "made again, it fails: " in text
    store = Store(out)
    rows = read_manifest(store).to_pylist()
    key = next((row["key"] for row in rows if row["status"] == "rejected"), None)
    if key is None:
        return
    commit = json.loads(store.read(layout.commit_path(int(key) // 4)))
    del commit["files"][layout.rejected_path(int(key) // 4)]
    store.publish(layout.commit_path(int(key) // 4), to_json(commit))
    code, text, _ = invoke("reproduce", out, key)
    assert code == 0
    assert "the same pixels: image_sha256, instances" in text
    assert "no tar holds it" in text
