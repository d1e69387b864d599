"""MONAI's datalist: masks of a channel for each finding, on the image's own grid."""

import json

import numpy as np
import pytest
from drawn_exports import accepted_rows, build_seen, exported, lesion_bits

from manifests.dataset import open_dataset


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"))


def entries(folder):
    told = json.loads((folder / "datalist.json").read_text())
    return [entry for name in ("training", "validation", "test") for entry in told[name]]


def test_label_and_ignore_are_together_all_lesions(source, tmp_path):
    exported(source, tmp_path / "monai", "monai")
    samples = {sample.key: sample for sample in open_dataset(source.url).samples()}
    found = entries(tmp_path / "monai")
    assert len(found) == len(samples) == len(accepted_rows(source))
    for entry in found:
        sample = samples[entry["image"].split("/")[1]]
        label, ignore = (
            np.load(tmp_path / "monai" / entry[n])["masks"].astype(bool) for n in ("label", "ignore")
        )
        assert (np.load(tmp_path / "monai" / entry["image"]) == sample.image).all()
        assert ((label | ignore) == sample.lesions).all()
    assert lesion_bits(np.zeros((2, 2), np.uint16)).shape[0] == label.shape[0]


def test_monai_caches_it(source, tmp_path):
    pytest.importorskip("monai", reason="monai is not installed")
    from monai.data import CacheDataset, load_decathlon_datalist
    from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

    exported(source, tmp_path / "monai", "monai")
    files = load_decathlon_datalist(str(tmp_path / "monai/datalist.json"), data_list_key="training")
    load = Compose([LoadImaged(["image", "label"]), EnsureChannelFirstd("image", channel_dim="no_channel")])
    samples = {sample.key: sample for sample in open_dataset(source.url).samples()}
    for entry, sample in zip(files, CacheDataset(files, load, num_workers=1, progress=False), strict=True):
        own = samples[entry["image"].split("/")[-2]]
        assert sample["image"].shape == (1, *own.image.shape)
        assert sample["label"].shape == own.lesions.shape
        assert (np.asarray(sample["image"][0]) == own.image).all()
        assert (np.asarray(sample["label"]) <= own.lesions).all()
