"""Parquet for Hugging Face: ``datasets`` opens the folder without a script and without the internet."""

import numpy as np
import pytest
from drawn_exports import accepted_rows, build_seen, exported, instance_masks, iou, lesion_bits

from synth.findings import FINDING_NAMES


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"), shards=4)


def opened(folder, cache, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    return datasets.load_dataset(str(folder), cache_dir=str(cache))


def test_datasets_gives_pictures_masks_and_boxes(source, tmp_path, monkeypatch):
    exported(source, tmp_path / "hf", "hf")
    loaded = opened(tmp_path / "hf", tmp_path / "cache", monkeypatch)
    assert set(loaded) == {"train", "validation", "test"}
    rows = accepted_rows(source)
    for split in loaded.values():
        assert split.features["objects"]["category"].feature.names == list(FINDING_NAMES)
        for sample in split:
            row = rows.pop(sample["key"])
            assert sample["image"].size == (row["width"], row["height"])
            masks = instance_masks(row)
            bits = lesion_bits(np.asarray(sample["lesions"]).astype(np.uint16))
            found = sample["objects"]
            order = sorted(range(len(masks)), key=lambda i: _place(row["instances"][i], masks[i]))
            again = [np.asarray(mask) > 0 for mask in found["mask"]]
            entries = [
                {"finding": FINDING_NAMES[c], "bbox": b}
                for c, b in zip(found["category"], found["bbox"], strict=True)
            ]
            match = sorted(range(len(again)), key=lambda i: _place(entries[i], again[i]))
            for i, j in zip(order, match, strict=True):
                assert iou(masks[i], again[j]) == 1.0
                assert row["instances"][i]["bbox"] == entries[j]["bbox"]
                assert bits[FINDING_NAMES.index(entries[j]["finding"])][again[j]].all()
    assert not rows


def _place(entry, mask):
    return entry["finding"], tuple(entry["bbox"]), int(mask.sum())


def test_lesions_in_doubt_are_told_apart(source, tmp_path, monkeypatch):
    found = exported(source, tmp_path / "hf", "hf")
    loaded = opened(tmp_path / "hf", tmp_path / "cache", monkeypatch)
    doubts = [doubt for split in loaded.values() for row in split["objects"] for doubt in row["doubt"]]
    assert sum(map(bool, doubts)) == sum(found.doubted.values()) > 0


def test_it_can_be_streamed(source, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    exported(source, tmp_path / "hf", "hf")
    stream = datasets.load_dataset(str(tmp_path / "hf"), split="train", streaming=True)
    assert next(iter(stream))["image"].size == (48, 48)
