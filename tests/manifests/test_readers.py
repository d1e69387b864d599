"""What is written is read by the field's own tools, without our code."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import webdataset
from drawn_records import build_store, draw_record, draw_shard
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from filters.verdicts import Verdict
from manifests import layout
from manifests.builds import finalise, open_build
from manifests.records import Record
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import Candidate, Case, MaskSet

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def accepted(shards=3):
    records = [r for shard in range(shards) for r in draw_shard(shard)]
    return {r.case.key: r for r in records if r.status == "accepted"}


def test_webdataset_reads_every_shard(store):
    urls = [store.path(layout.tar_path(n)) for n in range(3)]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("pil"))
    drawn = accepted()
    assert [s["__key__"] for s in samples] == list(drawn)
    for sample in samples:
        candidate = drawn[sample["__key__"]].candidate
        # "pil" turns every picture to RGB: right for the grey image, not for the bit masks.
        assert np.array_equal(np.asarray(sample["png"])[..., 0], candidate.image)
        assert sample["json"]["prompt"] == candidate.case.prompt


def test_webdataset_reads_the_bits(store):
    drawn = accepted()
    for sample in webdataset.WebDataset(store.path(layout.tar_path(0)), shardshuffle=False):
        masks = drawn[sample["__key__"]].candidate.masks
        anatomy = np.asarray(Image.open(io.BytesIO(sample["anatomy.png"])))
        lesions = np.asarray(Image.open(io.BytesIO(sample["lesions.png"])))
        assert (anatomy.dtype, lesions.dtype) == (np.uint8, np.uint16)
        for bit in range(5):
            assert np.array_equal(anatomy >> bit & 1, masks.anatomy[bit])
        for bit, channel in enumerate(masks.lesion_channels()):
            assert np.array_equal(lesions >> bit & 1, channel)


def test_the_page_names_the_readers_that_destroy_the_bits_and_those_that_do_not(store):
    page = (Path(__file__).parents[2] / "docs" / "dataset-format.md").read_text()
    keep, destroy = page.split("Open the masks with Pillow")[1].split("destroys the bits of the masks")[:2]
    assert "`cv2.imread(path, cv2.IMREAD_UNCHANGED)`" in keep
    for reader in ('`convert("L")`', "`cv2.imread` without that flag", '`decode("pil")`'):
        assert reader in destroy.split("\n\n")[0]
    tar = store.path(layout.tar_path(0))
    raw = {s["__key__"]: s["lesions.png"] for s in webdataset.WebDataset(tar, shardshuffle=False)}
    decoded = {s["__key__"]: s for s in webdataset.WebDataset(tar, shardshuffle=False).decode("pil")}
    wrong = 0
    for key, data in raw.items():
        picture = Image.open(io.BytesIO(data))
        bits = np.asarray(picture)
        wrong += not np.array_equal(np.asarray(picture.convert("L")), bits)
        wrong += not np.array_equal(np.asarray(decoded[key]["lesions.png"])[..., 0], bits)
    assert wrong


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_reads_every_shard(store, tmp_path, streaming):
    loaded = datasets.load_dataset(
        "webdataset",
        data_files=[store.path(layout.tar_path(n)) for n in range(3)],
        split="train",
        cache_dir=str(tmp_path / "cache"),
        streaming=streaming,
    )
    rows = list(loaded)
    drawn = accepted()
    assert [r["__key__"] for r in rows] == list(drawn)
    for row in rows:
        record = drawn[row["__key__"]]
        assert np.array_equal(np.asarray(row["png"]), record.candidate.image)
        lesions = np.asarray(row["lesions.png"])
        assert np.array_equal(lesions >> 5 & 1, record.candidate.masks.lesion_channels()[5])
        assert row["json"]["age"] == (-1 if record.case.age is None else record.case.age)


def test_datasets_reads_the_folder_by_its_card(store, tmp_path):
    finalise(store)
    loaded = datasets.load_dataset(store.root, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["__key__"][:] == list(accepted())


def plain_record(index: int) -> Record:
    """Nothing asked for, nothing known, nothing drawn: all that can be empty is."""
    drawn = next(r for i in range(50) if (r := draw_record(index, seed=i)).candidate)
    case = Case(drawn.case.key, 1, "")
    verdicts = (Verdict("integrity", "pass", 1.0, 0.5, ">="),)
    anatomy = drawn.candidate.masks.anatomy
    return Record(case, "accepted", Candidate(case, MaskSet(anatomy), drawn.candidate.image), verdicts)


def test_datasets_is_not_misled_by_empty_first_samples(tmp_path):
    """It infers types from the first five samples and refuses what comes after them."""
    store = Store(tmp_path / "out")
    open_build(store, {"config": {}})
    records = [plain_record(i) for i in range(6)] + [
        draw_record(i, p_fail=0, p_break=0) for i in range(6, 20)
    ]
    write_shard(store, 0, records, {})
    loaded = datasets.load_dataset(
        "webdataset",
        data_files=store.path(layout.tar_path(0)),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert len(loaded) == sum(r.status == "accepted" for r in records)
    assert loaded[0]["json"]["findings"][0]["name"] == "no_finding"


def test_pycocotools_draws_a_sample_from_its_json(store):
    drawn = accepted()
    for sample in webdataset.WebDataset(store.path(layout.tar_path(0)), shardshuffle=False):
        labels = json.loads(sample["json"])
        masks = drawn[sample["__key__"]].candidate.masks
        coco = COCO()
        image = {"id": int(labels["key"]), "width": labels["width"], "height": labels["height"]}
        coco.dataset = {"images": [image]} | {k: labels[k] for k in ("annotations", "categories")}
        coco.createIndex()
        found = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        expected = [lesion.mask for lesion in masks.lesions] + list(masks.anatomy)
        assert len(found) == len(expected)
        for a, mask in zip(found, expected, strict=True):
            assert np.array_equal(coco.annToMask(a), mask)
            assert (
                coco_mask.area({**a["segmentation"], "counts": a["segmentation"]["counts"].encode()})
                == a["area"]
            )


def test_rejected_samples_are_read_alike(tmp_path):
    store = build_store(tmp_path / "out", shards=1, p_fail=0.5)
    url = store.path(layout.rejected_path(0))
    samples = list(webdataset.WebDataset(url, shardshuffle=False).decode("pil"))
    assert samples
    assert all(s["json"]["rejected_by"] for s in samples)
