"""nnU-Net's raw data set: one label a pixel, by a stated priority, and its own check of integrity."""

import json

import numpy as np
import pytest
from drawn_exports import accepted_rows, build_seen, exported, instance_masks
from PIL import Image

from manifests.exports.nnunet import IGNORE, ON_TOP
from synth.findings import FINDING_NAMES


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"))


def test_a_pixel_has_the_label_that_is_on_top(source, tmp_path):
    exported(source, tmp_path / "nnunet", "nnunet", labels="all")
    told = json.loads((tmp_path / "nnunet/dataset.json").read_text())
    assert list(range(14)) == sorted(told["labels"].values())
    assert sorted(ON_TOP) == sorted(FINDING_NAMES)
    for key, row in accepted_rows(source).items():
        (path,) = (tmp_path / "nnunet").glob(f"labels*/{key}.png")
        label, expected = np.asarray(Image.open(path)), np.zeros((row["height"], row["width"]), int)
        pairs = list(zip(row["instances"], instance_masks(row), strict=True))
        for finding in reversed(ON_TOP):
            for instance, mask in pairs:
                if instance["finding"] == finding:
                    expected[mask] = told["labels"][finding]
        assert (label == expected).all()


def test_what_is_not_seen_is_the_ignore_label(source, tmp_path):
    found = exported(source, tmp_path / "nnunet", "nnunet")
    told = json.loads((tmp_path / "nnunet/dataset.json").read_text())
    assert told["labels"]["ignore"] == IGNORE == max(told["labels"].values())
    values = {int(v) for p in (tmp_path / "nnunet").glob("labels*/*.png") for v in np.unique(Image.open(p))}
    assert (IGNORE in values) == bool(found.doubted)
    (split,) = json.loads((tmp_path / "nnunet/splits_final.json").read_text())
    assert told["numTraining"] == len(split["train"]) + len(split["val"])
    assert len(list((tmp_path / "nnunet/imagesTr").iterdir())) == told["numTraining"]


def test_nnunet_finds_it_whole(source, tmp_path, capsys):
    pytest.importorskip("nnunetv2", reason="nnunetv2 is not installed")
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    exported(source, tmp_path / "Dataset501_Synthorax", "nnunet")
    verify_dataset_integrity(str(tmp_path / "Dataset501_Synthorax"), num_processes=1)
    assert "_integrity Done" in capsys.readouterr().out
