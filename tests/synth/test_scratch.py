"""Temporary folders end with their process, or with the next one that makes some."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from synth.scratch import PREFIX, clear_abandoned, scratch_folder

_HOLD = """
import sys, time, tempfile
tempfile.tempdir = sys.argv[1]
from synth.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "manifest").write_bytes(b"all of it")
    print(folder, flush=True)
    time.sleep(60)
"""


def folders(place: Path) -> list[str]:
    return sorted(p.name for p in place.iterdir())


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_holds_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    holders = [
        subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    dead, living = (Path(h.stdout.readline().strip()) for h in holders)  # type: ignore[union-attr]
    holders[0].kill()
    holders[0].wait()
    assert (dead / "manifest").exists()
    with scratch_folder() as own:
        assert folders(tmp_path) == sorted((living.name, own.name))
        clear_abandoned()
        assert own.exists()
    assert folders(tmp_path) == [living.name]
    holders[1].kill()
    holders[1].wait()
    clear_abandoned()
    assert folders(tmp_path) == []
    for holder in holders:
        holder.stdout.close()  # type: ignore[union-attr]


def test_what_is_not_ours_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    precious = tmp_path / "precious"
    (precious / "work").mkdir(parents=True)
    (precious / ".owner").write_text("")
    (tmp_path / f"{PREFIX}link").symlink_to(precious, target_is_directory=True)
    (tmp_path / f"{PREFIX}notes").mkdir()
    (tmp_path / f"{PREFIX}error.txt").write_text("a traceback")
    (tmp_path / f"{PREFIX}pipe").mkdir()
    os.mkfifo(tmp_path / f"{PREFIX}pipe" / ".owner")
    before = folders(tmp_path)
    clear_abandoned()
    assert folders(tmp_path) == before
    assert (precious / "work").is_dir()
