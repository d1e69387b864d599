"""A build's hold on its output: what is not its own is left as it is, and what is damaged is built again."""

from pathlib import Path

import pytest
from drawn_records import draw_shard, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.building.session import open_session
from flows.config.reading import parse_config
from manifests import layout
from manifests.builds import finalise
from manifests.errors import DatasetError
from manifests.shards import write_shard

DIGESTS = {"images/unet": "ab" * 32}
names = st.one_of(
    st.sampled_from(
        ["README.md", "coco.json", ".a.tmp", ".README.md.1-0.tmp", ".git", "shards", "index.json"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40),
).filter(lambda name: name not in (".", "..", layout.BUILD, ".lock"))


def config(folder: Path, **changes):
    return parse_config({"output": str(folder), "candidates": 8, "shard_size": 4, "seed": 1, **changes})


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refuse(configured) -> str:
    with pytest.raises(DatasetError) as caught, open_session(configured, DIGESTS):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(names, st.binary(max_size=9), min_size=1, max_size=4))
def test_a_folder_of_somebody_else_is_byte_identical_after_it_was_refused(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("theirs")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    before = content(folder)
    assert "no build.json" in refuse(config(folder))
    assert content(folder) == before


@pytest.fixture
def built(tmp_path):
    """Two shards, finalised."""
    with open_session(config(tmp_path / "out"), DIGESTS) as session:
        for shard in range(2):
            write_shard(session.store, shard, draw_shard(shard, 4, p_break=0), {})
        finalise(session.store)
    return session.store


def test_another_build_s_folder_is_byte_identical_after_it_was_refused(built):
    folder = Path(built.root)
    (folder / ".lock").unlink()  # as in a copy
    for name in (".notes.tmp", "shards/.000000.tar.1-0.tmp", ".mine.csv.1-0.tmp"):
        (folder / name).write_bytes(b"precious")
    before = content(folder)
    assert "config.seed was 1, is 2" in refuse(config(folder, seed=2))
    assert content(folder) == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[1:])])
@pytest.mark.parametrize("path", [layout.tar_path(1), layout.part_path(1)])
def test_a_shard_whose_files_are_gone_or_cut_is_not_done(built, path, damage):
    before = snapshot(built)
    damage(Path(built.path(path)))
    with open_session(config(Path(built.root)), DIGESTS) as session:
        assert list(session.done) == [0]
        write_shard(session.store, 1, draw_shard(1, 4, p_break=0), {})
        finalise(session.store)
    assert snapshot(built) == before


def test_what_a_killed_build_left_is_cleared(built):
    for name in ("shards/.000009.tar.17-3.tmp", ".index.json.17-4.tmp", "shards/.notes.tmp"):
        Path(built.path(name)).write_bytes(b"half")
    with open_session(config(Path(built.root)), DIGESTS):
        assert [p for p in built.list() if p.endswith(".tmp")] == ["shards/.notes.tmp"]


def test_a_commit_that_cannot_be_read_is_told_with_what_mends_it(built):
    Path(built.path(layout.commit_path(0))).write_text("{}")
    assert f"`synthorax verify --repair {built.url}`" in refuse(config(Path(built.root)))
