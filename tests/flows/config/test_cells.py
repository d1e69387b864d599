"""What quotas leave open is settled by prompts, label table and image model, and stands in the config."""

import pytest
from config_fields import BASE

from flows.config.image_model import settled
from flows.config.reading import parse_config
from synth.errors import UserError
from synth.findings import FINDING_NAMES

IMAGES = {"images": {"size": 64, "steps": 2, "guidance": 1.0}}
OPEN = {"count": 1, "of": ["finding", "age"]}


def found(per=OPEN, prompts=None):
    return settled(
        parse_config({**BASE, **IMAGES, "accepted_per": per, "prompts": prompts or {}})
    ).accepted_per


def test_all_that_may_be_asked_for_has_cells():
    assert found().findings == (*FINDING_NAMES, "normal")
    assert found().ages == (40, 65)
    assert found(prompts={"findings": ["nodule", "mass"], "normals": 0.0}).findings == ("mass", "nodule")
    assert "fracture" not in found(prompts={"table": "nih"}).findings
    assert "mass" not in found(prompts={"weights": {"mass": 0.0}}).findings


def test_what_is_given_stays():
    per = {**OPEN, "findings": ["mass"], "ages": [50]}
    config = parse_config({**BASE, **IMAGES, "accepted_per": per})
    assert settled(config) is config


def test_once_settled_nothing_is_left_open():
    once = settled(parse_config({**BASE, **IMAGES, "accepted_per": OPEN}))
    assert settled(once) is once


def test_a_prompt_file_has_cells_of_what_its_rows_ask_for(tmp_path):
    (tmp_path / "p.txt").write_text("Left effusion.\nSmall nodule in the right upper zone.\n")
    assert found(prompts={"file": str(tmp_path / "p.txt")}).findings == ("effusion", "nodule")
    (tmp_path / "p.txt").write_text("Left effusion.\nNormal chest radiograph.\n")
    assert found(prompts={"file": str(tmp_path / "p.txt")}).findings == ("effusion", "normal")


def test_what_cannot_be_settled_is_told(tmp_path):
    (tmp_path / "p.txt").write_text("Kerley B lines.\n")
    with pytest.raises(UserError, match=r"^accepted_per\.findings: none may be asked for"):
        found(prompts={"file": str(tmp_path / "p.txt")})
    with pytest.raises(UserError, match=r"^prompts\.file: none\.csv, expected"):
        found(prompts={"file": "none.csv"})
    with pytest.raises(UserError, match=r"^accepted_per\.count: 64, expected fewer"):
        found({**OPEN, "count": 64})
