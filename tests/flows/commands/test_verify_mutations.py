"""Whatever is changed in a finished dataset is told, in lines, soon; an unchanged one is whole."""

import shutil
from pathlib import Path

import pytest
from drawn_records import BUILD, REDRAWS, draw_redrawn_shard, snapshot
from mutations import mutate

from flows.commands import audit, status
from flows.commands import verify as command
from flows.commands.endings import USERS_MISTAKE, Ending
from flows.config.identity import stored_hash
from manifests import layout
from manifests.builds import finalise, open_build
from manifests.commits import read_commits
from manifests.records import Record
from manifests.shards import write_shard
from manifests.sheets.contact_sheet import contact_sheet
from manifests.store import Store
from synth.errors import UserError, users_mistake

SEEDS, AT_ONCE = 300, 20
CONFIG = {"candidates": 12, "shard_size": 4, "output": "out", "images": {"retry_draws": REDRAWS}}
CONFIGURED = BUILD | {"config": CONFIG}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Three shards of four, finalised, of a build whose hash is right."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    store = Store(folder)
    open_build(store, CONFIGURED | {"config_hash": stored_hash(CONFIGURED)})
    for shard in range(3):
        write_shard(store, shard, drawn(shard), {"config_hash": stored_hash(CONFIGURED)})
    finalise(store)
    return folder


def drawn(shard: int) -> list[Record]:
    return draw_redrawn_shard(shard, 4, p_fail=0.15)


def ends_badly(folder: Path) -> str:
    """Why verify ends with exit code 2; empty when it calls the dataset whole."""
    try:
        command.run(str(folder))
    except (Ending, UserError) as error:
        return f"{getattr(error, 'code', USERS_MISTAKE)} {error}"
    return ""


def test_an_unchanged_one_is_whole(finished, capsys):
    assert ends_badly(finished) == ""
    assert "whole, 3 shards, 12 candidates" in capsys.readouterr().out


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_change_is_told(finished, tmp_path, capsys, first):
    missed = []
    for seed in range(first, first + AT_ONCE):
        folder = tmp_path / str(seed)
        shutil.copytree(finished, folder)
        what = mutate(folder, seed)
        said = ends_badly(folder)
        out = capsys.readouterr().out
        assert not any(ord(sign) < 32 for line in out.splitlines() for sign in line)
        words = (name for name in (layout.CARD, layout.CROISSANT) if name in what)
        noted = any(f"note: {name}" in out for name in words)  # text that no program reads
        noted |= "seldom" in what and f"note: {layout.INDEX}: does not say which" in out  # as of before
        if not (said.startswith(f"{USERS_MISTAKE} ") or noted):
            missed.append(f"{seed}: {what}: {said}")
        others_end_in_a_line(folder, tmp_path, what)
        capsys.readouterr()
        shutil.rmtree(folder)
    assert not missed


def others_end_in_a_line(folder: Path, tmp_path: Path, what: str) -> None:
    """The other readers show what is there or tell what is not, as one line."""
    for run in (
        lambda: status.run(str(folder)),
        lambda: audit.run(str(folder), ()),
        lambda: audit.run(str(folder), ["filters.integrity.threshold=0.1"]),
        lambda: contact_sheet(Store(folder), accepted=2, rejected=1, tile=32),
    ):
        problem = None
        try:
            run()
        except Exception as error:
            problem = error
        assert problem is None or users_mistake(problem), f"{what}: {problem!r}"


def test_what_is_damaged_is_taken_back_and_made_again_alike(finished, tmp_path):
    folder = Path(shutil.copytree(finished, tmp_path / "out"))
    store, before = Store(folder), snapshot(Store(finished))
    tar = folder / "shards" / "000001.tar"
    tar.write_bytes(tar.read_bytes()[::-1])
    with pytest.raises(Ending, match="1 shards and the index were taken back"):
        command.run(str(folder), mend=True)
    assert list(read_commits(store)) == [0, 2]
    write_shard(store, 1, drawn(1), {"config_hash": stored_hash(CONFIGURED)})
    finalise(store)
    assert {k: v for k, v in snapshot(store).items() if k != ".lock"} == before
    assert ends_badly(folder) == ""


def test_text_from_data_reaches_the_terminal_without_its_escapes(finished, tmp_path, capsys):
    folder = Path(shutil.copytree(finished, tmp_path / "out"))
    (folder / "shards" / "\x1b[2Jx\n.tar").write_bytes(b"")
    assert ends_badly(folder) == ""
    assert "note: shards/\\x1b[2Jx\\x0a.tar: no commit speaks of it\n" in capsys.readouterr().out
