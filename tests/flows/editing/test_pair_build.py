"""Edit datasets by the command line: from a folder to shards that verify, resumed, refused."""

import io
import json
import time

import pyarrow.parquet as pq
import pytest
import yaml
from drawn_films import drawn_film
from edited_films import OFF, labelled, pairs_config, write_films
from PIL import Image
from standins import digests
from told import is_one_line

from filters.registry import FILTER_NAMES
from manifests.commits import read_commits
from manifests.store import Store
from manifests.tars import read_samples
from synth.weights import SHIPPED

pytestmark = pytest.mark.skipif(
    not (SHIPPED / "images").is_dir(), reason="the checkpoints are not in this checkout yet"
)
LENIENT = {**{name: {"threshold": -9.0} for name in FILTER_NAMES[:4]}, **OFF}


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films")


@pytest.fixture
def config(films, tmp_path):
    def write(name="pairs.yaml", edit=None, output="out", **changes):
        path = tmp_path / name
        data = pairs_config(
            films, tmp_path / output, labelled(films, edit), **{"filters": LENIENT, **changes}
        )
        path.write_text(yaml.safe_dump(data))
        return path

    return write


def test_from_a_folder_to_a_dataset_that_every_command_reads(invoke, config, tmp_path):
    out = tmp_path / "out"
    code, text, err = invoke("build", config(), real=True)
    assert code == 0, err
    assert "8 candidates = 6 accepted + 2 rejected + 0 failed" in text
    assert invoke("verify", out)[0] == 0
    assert "state: complete" in invoke("status", out)[1]
    assert invoke("audit", out)[0] == 0
    assert invoke("show", out, "--out", tmp_path / "sheet.png")[0] == 0
    rows = pq.read_table(out / "manifest.parquet").to_pylist()
    assert [row["pair"] for row in rows] == [f"{i - i % 2:09d}" for i in range(8)]
    assert [row["edit"] for row in rows] == [
        *("before", "removed mass, added effusion left") * 3,
        *("before", "unchanged"),
    ]
    assert len({row["source_sha256"] for row in rows}) == 4
    for path in ("shards/000000.tar", "shards/000001.tar"):
        for key, members in read_samples(Store(out), path):
            labels, row = json.loads(members["json"]), rows[int(key)]
            told = [labels[name] for name in ("pair", "source_sha256", "edit")]
            assert told == [row["pair"], row["source_sha256"], row["edit"]]
            assert Image.open(io.BytesIO(members["png"])).size == (128, 128)
    card = (out / "README.md").read_text()
    assert "Edited real radiographs" in card
    assert "No image shows a person" not in card
    assert "3 of 4 pairs are whole" in card
    assert json.loads((out / "index.json").read_text())["counts"]["pairs"] == {"asked": 4, "accepted": 3}
    assert str(tmp_path) not in (out / "build.json").read_text() + card


def test_killed_and_resumed_gives_the_same_bytes(start, invoke, config, tmp_path):
    clean = config("clean.yaml", output="clean", shard_size=2)
    assert invoke("build", clean, "--set", "workers.count=2", real=True)[0] == 0
    path, out = config(shard_size=2), tmp_path / "out"
    process = start("build", path, real=True)
    end = time.monotonic() + 200
    while not (out / "commits" / "000000.json").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert len(read_commits(Store(out))) < 4
    assert invoke("build", path, real=True)[0] == 0
    assert digests(out) == digests(tmp_path / "clean")


def test_another_folder_or_labels_are_refused(invoke, config, films, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("image,prompt,findings\na.png,x,mass\n")
    path = config(edit={"labels": str(labels)}, candidates=2, shard_size=2)
    assert invoke("build", path, real=True)[0] == 0
    before = digests(tmp_path / "out")
    labels.write_text("image,prompt,findings\na.png,x,mass left\n")
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "holds another build", "edit/labels")
    labels.write_text("image,prompt,findings\na.png,x,mass\n")
    Image.fromarray(drawn_film(9)[0]).save(films / "a.png")
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "holds another build", "edit/source")
    assert digests(tmp_path / "out") == before


def test_the_folder_may_move(invoke, config, films, tmp_path):
    path = config(candidates=2, shard_size=2)
    assert invoke("build", path, real=True)[0] == 0
    before = digests(tmp_path / "out")
    films.rename(tmp_path / "moved")
    moved = config("moved.yaml", {"source": str(tmp_path / "moved")}, candidates=2, shard_size=2)
    assert invoke("build", moved, real=True)[0] == 0
    assert digests(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("edit", "changes", "parts"),
    [
        ({}, {"candidates": 10}, ("candidates: 10", "at most 8", "4 radiographs")),
        ({"remove": ["fracture"]}, {}, ("edit.remove: fracture", "the experts can outline")),
        ({"source": "nowhere"}, {}, ("edit.source: nowhere", "not a folder")),
    ],
)
def test_mistakes_are_told_before_anything_is_written(invoke, config, tmp_path, edit, changes, parts):
    code, _, err = invoke("build", config(edit=edit, **changes), real=True)
    assert code == 2
    assert is_one_line(err, *parts)
    assert not (tmp_path / "out").exists()


def test_a_foreign_checkpoint_edits_too(invoke, config, checkpoints, tmp_path):
    images = {"checkpoint": str(checkpoints["plain"]), "batch_size": 4}
    code, text, err = invoke("build", config(images=images, candidates=4), real=True)
    assert code == 0, err
    assert "4 candidates = 4 accepted" in text
    assert invoke("verify", tmp_path / "out")[0] == 0
    rows = pq.read_table(tmp_path / "out" / "manifest.parquet").to_pylist()
    assert rows[1]["edit"] == "removed mass, added effusion left"
    assert rows[0]["image_sha256"] != rows[1]["image_sha256"]


def test_a_controlnet_is_refused(invoke, config, checkpoints):
    code, _, err = invoke("build", config(images={"checkpoint": str(checkpoints["controlnet"])}), real=True)
    assert code == 2
    assert is_one_line(err, "images.checkpoint", "holds a ControlNet, expected a checkpoint without one")


def test_the_plan_names_folder_and_edit(invoke, config, films):
    code, text, err = invoke("plan", config(candidates=2, shard_size=2), real=True)
    assert code == 0, err
    assert "removed mass, added effusion left" in text
    assert "the best of 1 edits" in text
