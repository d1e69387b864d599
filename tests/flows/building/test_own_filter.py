"""A filter of the user's own, given by a file: it judges, and everything that reads a dataset knows it."""

import json

import pyarrow.parquet as pq

from filters.own import load_own

OWN = '''"""Is the film sharp enough to see ribs?"""

import numpy as np

from filters.filter import Evidence, Filter
from filters.verdicts import Score


def score(evidence: Evidence) -> Score:
    """Mean grey step between neighbouring pixels, 0 (blurred) to 255."""
    image = evidence.candidate.image.astype(float)
    step = float(np.abs(np.diff(image, axis=0)).mean())
    return Score(step, "blurred", {"lungs seen": evidence.heard.mask("right_lung") is not None})


FILTER = Filter(
    name="sharpness",
    question="is sharp enough to see ribs",
    unit="mean grey step between rows, 0 to 255",
    asks="anatomy",
    threshold=2.0,
    score=score,
)
'''
REAL = {"candidates": 4, "images": {"size": 256, "steps": 2, "batch_size": 4}}


def test_it_judges_a_build_and_audit_replay_and_card_know_it(invoke, write_config, tmp_path):
    assert len(OWN.splitlines()) <= 30
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    config, out = write_config(**REAL, filters={"own": [str(path)]}), tmp_path / "out"
    assert invoke("build", config, real=True)[0] == 0
    table = pq.read_table(out / "manifest.parquet")
    scores = table["sharpness_score"].to_pylist()
    assert all(0 < s < 255 for s in scores)
    assert set(table["sharpness_keep"].to_pylist()) == {">="}
    assert json.loads(table["sharpness_detail"][0].as_py()) == {"lungs seen": True}
    assert "sharpness_verdict" in pq.read_schema(out / "parts" / "000000.parquet").names

    assert "is sharp enough to see ribs" in (out / "README.md").read_text()
    digest = load_own(path)[1]
    assert json.loads((out / "build.json").read_text())["weights"]["filters/own/sharpness.py"] == digest
    assert invoke("verify", out)[0] == 0
    code, text, _ = invoke("audit", out)
    assert code == 0
    assert "sharpness, is sharp enough to see ribs" in text
    code, text, _ = invoke("audit", out, "--set", "filters.sharpness.threshold=255")
    assert code == 0
    assert "with sharpness >= 255: 0 accepted" in text

    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}
    path.write_text(OWN.replace("axis=0", "axis=1"))
    code, _, err = invoke("build", config, real=True)
    assert code == 2
    assert "filters/own/sharpness.py" in err
    assert {p: p.read_bytes() for p in before} == before


def test_one_that_breaks_fails_its_candidates_and_says_why(invoke, write_config, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN.replace("step = float", "step = 1 / 0 + float"))
    code, _, err = invoke("build", write_config(**REAL, filters={"own": [str(path)]}), real=True)
    assert code == 3
    assert "NOTHING WAS ACCEPTED of 4 candidates (0 rejected, 4 failed)" in err
    assert "ZeroDivisionError" in pq.read_table(tmp_path / "out" / "manifest.parquet")["error"][0].as_py()
