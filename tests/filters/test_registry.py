import json
import subprocess
import sys

import pytest

from filters import FILTER_NAMES, FILTERS
from filters.registry import SHIPPED, THRESHOLDS_FILE, load_thresholds
from filters.settings import FilterChoice, JudgeSettings


def test_every_file_with_a_filter_is_registered_and_no_name_or_cost_stands_twice():
    files = {p.stem for p in THRESHOLDS_FILE.parent.glob("*.py") if "\nFILTER = Filter(" in p.read_text()}
    assert files == set(FILTER_NAMES) == set(json.loads(THRESHOLDS_FILE.read_text()))
    assert len({f.cost for f in SHIPPED}) == len(SHIPPED) == len(FILTERS)
    assert all(f.calibration for f in SHIPPED)


def test_no_torch_is_imported():
    code = (
        "import sys, filters.registry, filters.verdicts, filters.settings, filters.experts.opinion;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_threshold_file_without_a_filter_is_refused(tmp_path):
    table = json.loads(THRESHOLDS_FILE.read_text())
    del table["integrity"]
    path = tmp_path / "thresholds.json"
    path.write_text(json.dumps(table))
    with pytest.raises(ValueError, match="expected integrity"):
        load_thresholds(path)


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        ("integrety", FilterChoice(), "no such filter"),
        ("integrity", FilterChoice(threshold=float("nan")), "finite"),
        ("integrity", FilterChoice(expert="torchxrayvision"), "expected 'embedded'"),
        ("finding_agreement", FilterChoice(expert="torchxrayvision"), "needs weights"),
        ("finding_agreement", FilterChoice(sha256="00"), "only for expert"),
        ("finding_agreement", FilterChoice(expert="other"), "'embedded' or"),  # type: ignore[arg-type]
    ],
)
def test_a_choice_that_cannot_be_is_told_in_one_line(name, choice, message):
    with pytest.raises(ValueError, match=message) as error:
        JudgeSettings(filters={name: choice})
    assert "\n" not in str(error.value)
    assert f"filters.{name}" in str(error.value)


def test_wrong_mode_and_batch_size_are_told():
    with pytest.raises(ValueError, match=r"filters\.mode"):
        JudgeSettings(mode="fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"filters\.batch_size"):
        JudgeSettings(batch_size=0)
