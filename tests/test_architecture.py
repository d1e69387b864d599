"""docs/architecture.md, held against the tree and import-linter's contracts."""

import re
import tomllib
from pathlib import Path

from conftest import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
FLOORS = ("synth", "filters", "manifests", "flows")
#: Root files that say nothing of their own.
SILENT = {"__init__.py", "py.typed"}


def blocks(language):
    """The fenced blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def named():
    """The paths of the picture, as text from the repository's root."""
    (picture,) = blocks("text")
    folders: list[str] = []
    for line in picture.splitlines():
        indent, names, words = re.fullmatch(r"( *)((?:\S+ )*\S+) {2,}(.+)", line).groups()
        depth = len(indent) // 2
        for name in names.split(" "):
            yield "/".join((*folders[:depth], name.rstrip("/"))) + ("/" if name.endswith("/") else "")
        if names.endswith("/"):
            folders[depth:] = [names.rstrip("/")]
        assert words


def rooms(floor):
    """Folders below a floor with files in them; what lies in a room of checkpoints is no room."""
    for folder in (ROOT / floor).rglob("*"):
        inside = folder.relative_to(ROOT)
        files = folder.is_dir() and any(p.is_file() and p.suffix != ".pyc" for p in folder.rglob("*"))
        if files and "checkpoints" not in inside.parts[:-1]:
            yield f"{inside.as_posix()}/"


def root_files(floor):
    """Files that lie at a floor's root."""
    return {p.relative_to(ROOT).as_posix() for p in (ROOT / floor).iterdir() if p.is_file()}


def test_all_that_the_picture_names_is_there():
    for path in named():
        assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file(), path


def test_every_room_and_every_root_file_is_named_once():
    paths = list(named())
    assert len(set(paths)) == len(paths)
    for floor in FLOORS:
        silent = {f"{floor}/{name}" for name in SILENT}
        here = {p for p in paths if p.startswith(f"{floor}/")}
        assert {p for p in here if not p.endswith("/")} == root_files(floor) - silent
        assert {p for p in here if p.endswith("/")} == {f"{floor}/", *rooms(floor)}


def test_the_layers_are_those_of_the_contracts():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = ["\n".join(c["layers"]) + "\n" for c in contracts if c["type"] == "layers"]
    assert blocks("layers") == layers


def test_the_life_of_a_sample_goes_through_files_that_are_there():
    files = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", PAGE)
    assert len(files) > 20
    assert [f for f in files if not Path(ROOT / f).is_file()] == []
