"""`synthorax scorecard` through the command line, mistakes among it."""

import json
import re

import pytest
from drawn_records import BUILD, build_store, draw_shard, snapshot
from scored_builds import write_figures
from typer.testing import CliRunner

from flows.cli import app
from flows.figures.figure import Figure, FigureFile
from manifests.builds import finalise
from manifests.identity import open_build
from manifests.shards import write_shard
from manifests.store import Store


def scorecard(build, out, *words):
    return CliRunner().invoke(app, ["scorecard", str(build), "--out", str(out), *map(str, words)])


def refused(done):
    """The one line that a command ended with."""
    assert done.exit_code == 2
    line = done.stderr.strip()
    assert "\n" not in line
    return line.removeprefix("synthorax: ")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = build_store(tmp_path_factory.mktemp("finished") / "build")
    finalise(store)
    return store


def test_it_says_what_each_part_holds_and_how_to_measure_the_rest(finished, tmp_path):
    done = scorecard(
        finished.url, tmp_path / "out", "--evaluation", write_figures(tmp_path, "evaluation", finished)
    )
    assert done.exit_code == 0, done.stderr
    assert re.search(r"^congruence: \d+ figures, 5 not measured$", done.stdout, re.MULTILINE)
    assert "not measured: run `synthorax study make`, then `synthorax study score`" in done.stdout
    assert "evaluate BUILD" not in done.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "scorecard.html",
        "scorecard.json",
        "croissant.json",
    }


def test_an_empty_a_half_finished_and_a_rejected_only_build_are_told(tmp_path):
    empty = Store(tmp_path / "empty")
    assert "build.json is missing" in refused(scorecard(empty.url, tmp_path / "out"))
    open_build(empty, BUILD)
    assert "no shard is committed" in refused(scorecard(empty.url, tmp_path / "out"))
    half = build_store(tmp_path / "half")
    told = refused(scorecard(half.url, tmp_path / "out"))
    assert "index.json is missing, 30 candidates are committed" in told
    finalise(half)
    write_shard(half, 3, draw_shard(3), {"batch_size": 8})
    assert "index.json lists 30 of 40 candidates" in refused(scorecard(half.url, tmp_path / "out"))
    rejected = Store(tmp_path / "rejected")
    open_build(rejected, BUILD)
    write_shard(rejected, 0, [r for r in draw_shard(0, 60) if r.status == "rejected"], {})
    finalise(rejected)
    assert "candidates is accepted, expected samples" in refused(scorecard(rejected.url, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_figures_of_another_build_are_refused(finished, tmp_path):
    other = build_store(tmp_path / "other", seed=5)
    file = write_figures(tmp_path, "evaluation", other)
    told = refused(scorecard(finished.url, tmp_path / "out", "--evaluation", file))
    assert "measured on another build" in told
    FigureFile("synthorax evaluate --images X", {}, ()).write(tmp_path / "images.json")
    told = refused(scorecard(finished.url, tmp_path / "out", "--evaluation", tmp_path / "images.json"))
    assert "about.build.hash is missing" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": float("nan")}, "nan, expected a finite number"),
        ({"value": "0.5"}, "0.5, expected a finite number"),
        ({"low": True}, "True, expected a finite number"),
        ({"note": None}, "expected text"),
        ({"counts": {"films": "many"}}, "expected whole numbers"),
        ({"sort": 1}, "expected figures of a synthorax command"),
    ],
)
def test_a_file_that_holds_something_else_is_told(finished, tmp_path, change, words):
    file = write_figures(tmp_path, "study", finished, [Figure("useful", "readers", 0.4)])
    content = json.loads(file.read_text())
    content["figures"][0] |= change
    file.write_text(json.dumps(content))
    assert words in refused(scorecard(finished.url, tmp_path / "out", "--study", file))


def test_a_missing_file_and_one_of_experts_in_its_place_are_told(finished, tmp_path):
    told = refused(scorecard(finished.url, tmp_path / "out", "--study", tmp_path / "no.json"))
    assert "no.json: No such file" in told
    (tmp_path / "e.json").write_text('{"films": 3}')
    told = refused(scorecard(finished.url, tmp_path / "out", "--experts", tmp_path / "e.json"))
    assert "expected experts.json of synthorax" in told


def test_a_build_is_not_written_into(finished, tmp_path):
    before = snapshot(finished)
    for out in (finished.url, f"{finished.url}/card"):
        assert "its files are not changed" in refused(scorecard(finished.url, out))
    other = build_store(tmp_path / "other")
    assert "its files are not changed" in refused(scorecard(finished.url, other.url))
    assert snapshot(finished) == before
