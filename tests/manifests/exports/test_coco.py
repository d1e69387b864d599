"""COCO folders: pycocotools and torchvision read what the build holds."""

import json

import numpy as np
import pytest
from drawn_exports import SILENT, accepted_rows, build_seen, exported, instance_masks, iou
from pycocotools.coco import COCO

from manifests.exporting.splits import SPLITS


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"))


@pytest.mark.parametrize("masks", ["rle", "polygons"])
def test_pycocotools_reads_every_instance_as_it_was(source, tmp_path, masks, capsys):
    exported(source, tmp_path / "coco", "coco", masks=masks, labels="all")
    rows, worst = accepted_rows(source), 1.0
    for split in SPLITS:
        coco = COCO(tmp_path / f"coco/annotations/instances_{split}.json")
        for image in coco.loadImgs(coco.getImgIds()):
            row = rows.pop(f"{image['id']:09d}")
            found = coco.loadAnns(coco.getAnnIds(image["id"]))
            for entry, mask in zip(found, instance_masks(row), strict=True):
                worst = min(worst, iou(coco.annToMask(entry).astype(bool), mask))
                ys, xs = np.nonzero(mask)
                assert entry["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
                assert (entry["area"], entry["iscrowd"]) == (mask.sum(), 0)
                assert min(entry["bbox"][2:]) > 0
                if masks == "polygons":
                    assert all(len(p) >= 8 for p in entry["segmentation"])
            assert (tmp_path / f"coco/images/{split}/{image['file_name']}").is_file()
    assert not rows
    with capsys.disabled():
        print(f"\ncoco, {masks}: worst IoU {worst:.4f}")
    assert worst == 1.0


@pytest.mark.parametrize("masks", ["rle", "polygons"])
def test_what_cvat_reads_with_has_every_image_and_box(source, tmp_path, masks):
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    exported(source, tmp_path / "coco", "coco", masks=masks, labels="all")
    read = datumaro.Dataset.import_from(str(tmp_path / "coco"), "coco_instances")
    rows = accepted_rows(source)
    assert {item.id for item in read} == set(rows)
    for item in read:
        boxes = sorted(tuple(a.get_bbox()) for a in item.annotations if a.type.name == "bbox")
        assert boxes == sorted(tuple(map(float, i["bbox"])) for i in rows[item.id]["instances"])


@pytest.mark.parametrize("masks", ["rle", "polygons"])
def test_torchvision_gives_boxes_and_masks(source, tmp_path, masks):
    from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2

    exported(source, tmp_path / "coco", "coco", masks=masks, labels="all", empty=False)
    plain = CocoDetection(tmp_path / "coco/images/train", tmp_path / "coco/annotations/instances_train.json")
    wrapped = wrap_dataset_for_transforms_v2(plain, target_keys=("image_id", "boxes", "labels", "masks"))
    rows = accepted_rows(source)
    assert len(wrapped)
    for image, target in wrapped:
        row = rows[f"{target['image_id']:09d}"]
        assert image.size == (row["width"], row["height"])
        for (x0, y0, x1, y1), mask, of_row in zip(
            target["boxes"].tolist(), target["masks"], instance_masks(row), strict=True
        ):
            assert iou(mask.numpy().astype(bool), of_row) == 1.0
            assert x1 > x0
            assert y1 > y0


def test_lesions_that_nobody_sees_are_regions_to_ignore(source, tmp_path):
    found = exported(source, tmp_path / "coco", "coco")
    assert sum(found.doubted.values()) > 0
    assert SILENT not in found.lesions
    crowds = 0
    for split in SPLITS:
        told = json.loads((tmp_path / f"coco/annotations/instances_{split}.json").read_text())
        for entry in told["annotations"]:
            assert entry["iscrowd"] == bool(entry["doubt"])
            assert entry["iscrowd"] or entry["localisation"] >= 0.0
            crowds += entry["iscrowd"]
    assert crowds == sum(found.doubted.values())


def test_images_without_a_lesion_stay_or_go(source, tmp_path):
    kept = exported(source, tmp_path / "kept", "coco")
    gone = exported(source, tmp_path / "gone", "coco", empty=False)
    rows = accepted_rows(source)
    normal = sum(not row["instances"] for row in rows.values())
    assert normal
    assert sum(kept.films.values()) == len(rows)
    assert sum(gone.films.values()) == len(rows) - normal
    assert gone.left_out == {"without a lesion": normal}


def test_three_channels_are_three_times_the_one(source, tmp_path):
    from PIL import Image

    exported(source, tmp_path / "coco", "coco", channels=3)
    path = next((tmp_path / "coco/images/train").iterdir())
    pixels = np.asarray(Image.open(path))
    assert pixels.shape[2] == 3
    assert (pixels == pixels[..., :1]).all()
