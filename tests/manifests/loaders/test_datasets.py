"""Samples are the build's own, as tensors of each task; what cannot be read is a line."""

import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from drawn_exports import REFUSED, accepted_rows, build_seen, often_refused, seen
from drawn_records import BUILD
from torch.utils.data import DataLoader

import synthorax
from manifests import layout
from manifests.dataset import Dataset
from manifests.errors import DatasetError
from manifests.exporting.trust import lesion_trusts
from manifests.identity import build_hash, open_build
from manifests.loaders.datasets import ClassificationDataset, DetectionDataset, SegmentationDataset
from manifests.store import Store
from synth.cases import FindingRequest
from synth.findings import FINDING_NAMES

EVERY = {"labels": "all", "near_duplicates": True}


def test_masks_and_images_are_those_of_the_build(source):
    samples = list(Dataset(source).samples())
    dataset = SegmentationDataset(source.url, anatomy=True, **EVERY)
    assert len(dataset) == len(samples)
    for sample, expected in zip(dataset, samples, strict=True):
        assert sample["key"] == expected.key
        image = sample["image"].numpy()
        assert (image.shape, image.dtype) == ((1, *expected.image.shape), np.float32)
        assert (np.rint(image[0] * 255) == expected.image).all()
        assert 0 <= image.min() <= image.max() <= 1
        assert (sample["mask"].numpy() == np.concatenate([expected.lesions, expected.anatomy])).all()
        assert not sample["ignore"][13:].any()


def test_seldom_accepted_findings_are_named_with_each_build_that_refused_them(source, tmp_path):
    refusing = build_seen(tmp_path / "refusing", change=often_refused, build=BUILD | {"seed": 99})
    dataset = SegmentationDataset([source.url, refusing.url], **EVERY)
    assert {n for n, of in dataset.seldom.items() if len(of) == 1} >= {REFUSED}
    for store in (source, refusing):
        own = Dataset(store).seldom
        assert own == {
            n: of[h] for n, of in dataset.seldom.items() if (h := build_hash(Dataset(store).build)) in of
        }


def test_what_is_in_doubt_is_to_be_ignored_not_absent(source):
    every = {s["key"]: s["mask"].numpy() for s in SegmentationDataset(source.url, **EVERY)}
    ignored = 0
    for sample in SegmentationDataset(source.url):
        mask, ignore = sample["mask"].numpy(), sample["ignore"].numpy()
        outlined = every[sample["key"]].any((1, 2))
        assert ((mask | ignore) == every[sample["key"]])[outlined].all()
        assert not (mask & ignore).any()
        ignored += ignore[outlined].any((1, 2)).sum()
    assert ignored > 0


def test_boxes_masks_and_areas_belong_together(source):
    empty = 0
    for _, target in DetectionDataset(source.url, **EVERY):
        count = len(target["labels"])
        empty += not count
        assert target["boxes"].shape == (count, 4)
        assert target["area"].shape == target["iscrowd"].shape == (count,)
        assert target["ignore_boxes"].shape == (len(target["ignore_labels"]), 4)
        for box, mask, area in zip(target["boxes"], target["masks"], target["area"], strict=True):
            x0, y0, x1, y1 = (int(v) for v in box)
            inside = mask[y0:y1, x0:x1]
            assert int(inside.sum()) == int(mask.sum()) == int(area)
            assert inside.any(0)[[0, -1]].all()
            assert inside.any(1)[[0, -1]].all()
    assert empty > 0


def test_a_class_is_unknown_where_all_its_lesions_are_in_doubt(source):
    rows, unknown = accepted_rows(source), 0
    for sample in ClassificationDataset(source.url):
        row = rows[sample["key"]]
        shown = {
            i["finding"] for i, t in zip(row["instances"], lesion_trusts(row), strict=True) if not t.doubt
        }
        there = {i["finding"] for i in row["instances"]} | {f["name"] for f in row["findings"]}
        assert sample["labels"].tolist() == [float(name in shown) for name in FINDING_NAMES]
        assert sample["known"].tolist() == [float(name not in there - shown) for name in FINDING_NAMES]
        unknown += len(there - shown)
    assert unknown > 0


def test_what_is_asked_for_and_outlined_by_nobody_is_not_absent(tmp_path):
    """As of films before an edit: the masks hold what the edit is about alone."""
    from dataclasses import replace

    def unoutlined(record):
        case = replace(record.case, findings=(*record.case.findings, FindingRequest("emphysema")))
        candidate = record.candidate and replace(record.candidate, case=case)
        return seen(replace(record, case=case, candidate=candidate))

    source, channel = build_seen(tmp_path / "build", 1, change=unoutlined), FINDING_NAMES.index("emphysema")
    rows = accepted_rows(source)
    place, key = next(
        (p, s["key"])
        for p, s in enumerate(ClassificationDataset(source.url))
        if "emphysema" not in {i["finding"] for i in rows[s["key"]]["instances"]}
    )
    assert SegmentationDataset(source.url)[place]["ignore"][channel].all(), key
    assert ClassificationDataset(source.url)[place]["known"][channel] == 0
    image, target = DetectionDataset(source.url)[place]
    at = target["ignore_labels"].tolist().index(channel + 1)
    assert target["ignore_boxes"][at].tolist() == [0, 0, image.shape[2], image.shape[1]]


def test_several_builds_are_told_apart(source, tmp_path):
    other = build_seen(tmp_path / "other", 1, build={**BUILD, "config_hash": "decaf"})
    both = DetectionDataset([source.url, other.url], **EVERY)
    one, two = (DetectionDataset(store.url, **EVERY) for store in (source, other))
    assert len(both) == len(one) + len(two)
    names = [(t["build"], t["key"]) for _, t in both]
    assert len(set(names)) == len(names) > len({key for _, key in names})
    assert [t["image_id"] for _, t in both] == [int(key) for _, key in names[: len(one)]] + [
        10**9 + int(key) for _, key in names[len(one) :]
    ]
    assert (both[-1][0] == two[len(two) - 1][0]).all()
    shutil.copytree(other.url, tmp_path / "copy")
    with pytest.raises(DatasetError, match=r"copy and .*other are the same build, expected it once"):
        DetectionDataset([source.url, other.url, str(tmp_path / "copy")])


def test_places_are_those_of_a_list(source):
    dataset = ClassificationDataset(source.url)
    assert dataset[-1]["key"] == dataset[len(dataset) - 1]["key"] == list(dataset)[-1]["key"]
    assert dataset.row(0)["prompt"] == accepted_rows(source)[dataset[0]["key"]]["prompt"]
    for place in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError):
            dataset[place]


def test_transforms_get_what_the_task_gives(source):
    assert SegmentationDataset(source.url, transform=lambda sample: sample["key"])[0].isdigit()
    pairs = DetectionDataset(source.url, transform=lambda image, target: (image * 2, target["key"]))
    assert pairs[0][1].isdigit()


def test_a_data_loader_of_torch_takes_them(source):
    plain = DetectionDataset(source.url)
    workers = {"num_workers": 2, "multiprocessing_context": "spawn"}
    loader = DataLoader(plain, batch_size=4, collate_fn=plain.collate, **workers)
    assert [t["key"] for _, targets in loader for t in targets] == [t["key"] for _, t in plain]
    batch = next(iter(DataLoader(SegmentationDataset(source.url), batch_size=4)))
    assert batch["mask"].shape[:2] == (4, 13)
    again = pickle.loads(pickle.dumps(plain))  # as processes that are spawned, not forked, get it
    assert again[3][1]["key"] == plain[3][1]["key"]


def test_a_damaged_tar_is_told_before_the_first_sample(tmp_path):
    source = build_seen(tmp_path / "build", 2)
    path = tmp_path / "build" / layout.tar_path(1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-512])
    with pytest.raises(
        DatasetError, match=rf"000001.tar: has {len(whole) - 512} bytes, expected {len(whole)}"
    ):
        SegmentationDataset(source.url)
    path.unlink()
    with pytest.raises(DatasetError, match=r"000001.tar: is missing, expected \d+ bytes"):
        SegmentationDataset(source.url)


def test_a_picture_changed_within_its_size_is_told(tmp_path):
    source = build_seen(tmp_path / "build", 1)
    path = tmp_path / "build" / layout.tar_path(0)
    data = bytearray(path.read_bytes())
    at = data.index(b"IDAT", data.index(b"000000000.png")) + 20
    data[at : at + 8] = bytes(8)
    dataset = SegmentationDataset(source.url, labels="all")
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"000000000.png: no PNG"):
        dataset[0]


def test_builds_without_samples_are_told(tmp_path):
    with pytest.raises(DatasetError, match="builds: none, expected at least one"):
        SegmentationDataset([])
    with pytest.raises(DatasetError, match=r"build.json"):
        SegmentationDataset(tmp_path / "nothing")
    open_build(Store(tmp_path / "begun"), BUILD)
    with pytest.raises(DatasetError, match="no sample is accepted yet"):
        SegmentationDataset(tmp_path / "begun")


def test_torch_is_loaded_with_the_first_sample_only(source):
    code = (
        "import sys, synthorax; d = synthorax.SegmentationDataset(sys.argv[1]); len(d), d.row(0);"
        "synthorax.BatchStream, synthorax.DetectionDataset; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, source.url], check=True)
    assert synthorax.SegmentationDataset is SegmentationDataset
