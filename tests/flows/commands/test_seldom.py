"""A build, its card, `status`, `audit` and exports say the same of findings that are not to be trusted."""

import json

from manifests.seldom import MARK, UNTRUSTED
from manifests.store import Store

NONE = "nodule (0 of 6)"


def told(text):
    """The lines that warn."""
    return [line.removeprefix(f"{MARK} ") for line in text.splitlines() if UNTRUSTED in line]


def test_build_status_audit_card_and_export_say_it(invoke, write_config, tmp_path):
    out = tmp_path / "out"
    code, _, err = invoke("build", write_config(), refused=("nodule",))
    assert code == 0
    (line,) = told(err)
    assert line.endswith(NONE)
    assert told(invoke("status", out)[1]) == [line]
    audit = invoke("audit", out)[1]
    assert told(audit) == [line]
    assert f"nodule{MARK} " in audit
    card = (out / "README.md").read_text("utf-8")
    assert f"{MARK} Seldom accepted: {line}.\n" in card
    assert told(invoke("export", out, "--to", "coco", "--out", tmp_path / "coco")[1]) == [line]


def test_a_build_half_done_is_told_of_alike(invoke, write_config, tmp_path):
    out = tmp_path / "out"
    assert invoke("build", write_config(), refused=("nodule",))[0] == 0
    for name in ("index.json", "commits/000002.json"):
        Store(out).remove(name)
    (line,) = told(invoke("status", out)[1])
    assert line.endswith("nodule (0 of 4)")
    assert told(invoke("audit", out)[1]) == [line]


def test_of_an_older_index_nothing_is_told_until_it_is_built_again(invoke, write_config, tmp_path):
    out = tmp_path / "out"
    assert invoke("build", write_config(), refused=("nodule",))[0] == 0
    index = json.loads((out / "index.json").read_text())
    del index["counts"]["seldom"]
    (out / "index.json").write_text(json.dumps(index))
    for words in (
        ("status", out),
        ("audit", out),
        ("export", out, "--to", "coco", "--out", tmp_path / "coco"),
    ):
        code, text, _ = invoke(*words)
        assert (code, told(text)) == (0, [])
    assert told(invoke("build", write_config(), refused=("nodule",))[2])
    assert told(invoke("status", out)[1])


def test_cells_of_quotas_are_marked(invoke, write_config, tmp_path):
    per = {"count": 1, "of": ["finding"], "findings": ["effusion", "nodule"]}
    path = write_config(accepted_per=per)
    assert invoke("build", path, refused=("nodule",))[0] == 2  # its cell stays short
    for words in (("status", tmp_path / "out"), ("audit", tmp_path / "out")):
        assert f"nodule{MARK} " in invoke(*words)[1]
    assert f"| nodule{MARK} | 6 | 0 |" in (tmp_path / "out/README.md").read_text("utf-8")
