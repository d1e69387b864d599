"""No build is said to be whole without a word on findings that were asked for and never accepted."""

LINE = "nodule: none of 6 accepted"
WHO = f"{LINE}, lesion_agreement refused most (6)"


def test_build_status_audit_and_card_say_it(invoke, write_config, tmp_path):
    out = tmp_path / "out"
    code, text, err = invoke("build", write_config(), refused=("nodule",))
    assert code == 0
    assert "12 candidates" in text
    assert WHO in err.splitlines()
    assert WHO in invoke("audit", out)[1].splitlines()
    assert f"- {WHO}\n" in (out / "README.md").read_text()
    status = invoke("status", out)[1].splitlines()
    assert status.index(LINE) < status.index("state: complete")


def test_nothing_is_said_where_nothing_vanished(invoke, write_config, tmp_path):
    code, _, err = invoke("build", write_config())
    assert code == 0
    assert "none of" not in err
    assert "hardly ever" not in (tmp_path / "out/README.md").read_text()


def test_a_damaged_index_is_not_status_s_to_tell(invoke, write_config, tmp_path):
    assert invoke("build", write_config(), refused=("nodule",))[0] == 0
    (tmp_path / "out/index.json").write_text("{}")
    code, text, _ = invoke("status", tmp_path / "out")
    assert code == 0
    assert LINE not in text
