"""The real label tables: read fast, without torch, with every column as documented."""

import subprocess
import sys

import numpy as np
import pytest

from synth.findings import FINDING_NAMES
from synth.prompts.label_names import PADCHEST
from synth.prompts.label_tables import TABLES, load_table


@pytest.mark.parametrize("name", list(TABLES))
def test_columns_have_their_ranges(name: str) -> None:
    table = load_table(name)
    assert table.findings.shape == (len(table), 13)
    assert table.findings.dtype == bool
    assert set(np.unique(table.sex)) <= {-1, 0, 1}
    assert set(np.unique(table.view)) <= {-1, 0, 1}
    known = table.age[table.age >= 0]
    assert ((known >= 18) & (known <= 110)).all()
    assert 0.2 < table.findings.any(1).mean() < 0.8


def test_padchest_has_all_findings_and_nih_ten() -> None:
    assert load_table("padchest").labelled == FINDING_NAMES
    missing = set(FINDING_NAMES) - set(load_table("nih").labelled)
    assert missing == {"calcification", "diffuse_nodule", "fracture"}


def test_rows_are_those_of_the_source() -> None:
    # NIH has 2,776 images with cardiomegaly (Wang et al., 2017), some of them of children
    nih = load_table("nih")
    assert 100_000 < len(nih) < 112_120
    assert 2500 < nih.findings[:, FINDING_NAMES.index("cardiomegaly")].sum() <= 2776


def test_every_mapped_label_of_padchest_occurs() -> None:
    table = load_table("padchest")
    counts = dict(zip(FINDING_NAMES, table.findings.sum(0), strict=True))
    assert set(PADCHEST) == set(FINDING_NAMES)
    assert min(counts.values()) > 300


def test_loading_is_quick_and_imports_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, time; t = time.process_time(); from synth.prompts.label_tables import load_table; "
        "load_table('padchest'); used = time.process_time() - t; "
        "print(used, sorted({'torch', 'pandas', 'torchxrayvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    used, imported = done.stdout.strip().split(" ", 1)
    assert imported == "[]"
    assert float(used) < 4  # processor seconds of all threads; alone it takes one second of time
    assert load_table("padchest") is load_table("padchest")
