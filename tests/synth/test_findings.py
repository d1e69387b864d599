"""The vocabulary: 13 findings, mapped to torchxrayvision's labels where the two agree."""

import pytest

from synth.findings import ANATOMY, FINDING_NAMES, FINDINGS
from synth.prompts.reports import parse

# torchxrayvision 1.x, datasets.default_pathologies; tested against the package where it is quick
XRV = {
    *("Atelectasis", "Consolidation", "Infiltration", "Pneumothorax", "Edema", "Emphysema"),
    *("Fibrosis", "Effusion", "Pneumonia", "Pleural_Thickening", "Cardiomegaly", "Nodule"),
    *("Mass", "Hernia", "Lung Lesion", "Fracture", "Lung Opacity", "Enlarged Cardiomediastinum"),
}


def test_there_are_thirteen_in_a_fixed_order() -> None:
    assert len(FINDING_NAMES) == 13
    assert list(FINDING_NAMES) == sorted(FINDING_NAMES)  # lesion channels and bits follow this
    assert len(ANATOMY) == 5


def test_labels_of_torchxrayvision_exist_and_are_used_once() -> None:
    labels = [f.xrv for f in FINDINGS.values() if f.xrv]
    assert set(labels) <= XRV
    assert len(labels) == len(set(labels)) == 11


def test_no_synonym_means_two_findings() -> None:
    words = [w for f in FINDINGS.values() for w in {f.title, *f.synonyms}]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("name", FINDING_NAMES)
def test_the_parser_knows_each_title_and_synonym(name: str) -> None:
    finding = FINDINGS[name]
    for words in (finding.title, *finding.synonyms):
        assert [r.name for r in parse(f"There is {words}.").findings] == [name], words
