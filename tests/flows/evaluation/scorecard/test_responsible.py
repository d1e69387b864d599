"""The Croissant file: the build's own with its fields of responsible AI filled from figures."""

import json
from importlib.util import find_spec

import pytest

from manifests import layout

FILLED = (
    "rai:dataLimitations",
    "rai:dataBiases",
    "rai:dataUseCases",
    "rai:dataSocialImpact",
    "rai:personalSensitiveInformation",
    "rai:dataAnnotationAnalysis",
    "rai:dataCollectionMissingData",
)


@pytest.fixture
def found(full):
    return json.loads((full[1] / "croissant.json").read_text("utf-8"))


def test_all_else_is_the_builds_own(found, finished):
    own = json.loads(finished.read(layout.CROISSANT))
    assert {k: v for k, v in found.items() if k not in FILLED} == {
        k: v for k, v in own.items() if k not in FILLED
    }
    for name in ("rai:dataLimitations", "rai:dataBiases"):
        assert found[name][0] == own[name]
    assert found["rai:dataSocialImpact"].startswith(own["rai:dataSocialImpact"])


def test_figures_stand_in_their_fields(found):
    said = {name: " ".join(found[name]) if isinstance(found[name], list) else found[name] for name in FILLED}
    assert "Fréchet distance" in said["rai:dataLimitations"]
    assert "Difference in detection (AP50)" in said["rai:dataUseCases"]
    assert "Copies of training films" in said["rai:personalSensitiveInformation"]
    assert "95 % interval" in said["rai:dataAnnotationAnalysis"]
    assert "Age said" in said["rai:dataCollectionMissingData"]
    assert "Largest difference" in said["rai:dataBiases"]


def test_what_is_not_known_is_said_there_too(bare):
    found = json.loads((bare[1] / "croissant.json").read_text("utf-8"))
    assert any(t.startswith("Not measured, congruence: Fréchet") for t in found["rai:dataLimitations"])
    assert found["rai:dataUseCases"][-1].startswith("No use was measured")


@pytest.mark.skipif(find_spec("mlcroissant") is None, reason="mlcroissant is not installed")
def test_mlcroissant_reads_it(full):
    import mlcroissant

    metadata = mlcroissant.Dataset(str(full[1] / "croissant.json")).metadata
    assert not metadata.ctx.issues.errors
    assert any("Fréchet" in text for text in metadata.data_limitations)
