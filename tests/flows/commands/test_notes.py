"""What of a prompt file was not understood is counted, with an example, before anything is drawn."""

import pytest
from rich.console import Console
from standins import load_pipeline

from flows import loading
from flows.commands import build, plan
from flows.config.reading import read_config

TOLD = "1 of 2 prompts hold text that was not understood, and are drawn, never called normal, e.g. "


@pytest.fixture
def config(tmp_path, write_config, monkeypatch):
    """Path of a config with two prompts, one of which says more than is understood."""
    monkeypatch.setattr(loading, "load_pipeline", load_pipeline)
    monkeypatch.setattr(loading, "_pipelines", {})
    (tmp_path / "p.txt").write_text("Left effusion.\nNodule. Kerley B lines.\n")
    return write_config(prompts={"file": str(tmp_path / "p.txt")})


@pytest.mark.parametrize("command", ["plan", "build"])
def test_what_was_not_understood_is_told(config, tmp_path, capsys, command):
    if command == "plan":
        plan.run(config, [])
    else:
        build._load(read_config(config, []), Console(stderr=True))
    said = capsys.readouterr().err
    assert f"synthorax: {tmp_path / 'p.txt'}: {TOLD}" in said
    assert "line 2: 'Kerley B lines'" in said


def test_a_config_can_leave_such_rows_out(config):
    kept = load_pipeline(read_config(config, [])).prompts
    left = load_pipeline(read_config(config, ["prompts.unparsed=reject"])).prompts
    assert [row.prompt for row in kept.rows] == ["Left effusion.", "Nodule. Kerley B lines."]
    assert [row.prompt for row in left.rows] == ["Left effusion."]
