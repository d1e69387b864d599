"""YOLO folders: their polygons, filled again, are the masks; ultralytics trains on them."""

import numpy as np
import pytest
from drawn_exports import accepted_rows, build_seen, exported, instance_masks, iou

from manifests.exporting.outlines import filled
from manifests.exporting.splits import SPLITS
from synth.findings import FINDING_NAMES


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"))


def labels(folder):
    """Key to rows of numbers of each label file."""
    return {
        path.stem: [[float(n) for n in line.split()] for line in path.read_text().splitlines()]
        for split in SPLITS
        for path in sorted((folder / "labels" / split).glob("*.txt"))
    }


def corners(row, numbers):
    """(N, 2) pixel indices of a polygon, cut to whole pixels as ultralytics does."""
    points = np.array(numbers[1:]).reshape(-1, 2) * (row["width"], row["height"])
    return points.astype(np.int32)


def compare(source, folder, fill):
    """The worst IoU of the polygons, filled, with the masks."""
    rows, worst = accepted_rows(source), 1.0
    found = labels(folder)
    assert found.keys() == rows.keys()
    for key, lines in found.items():
        row = rows[key]
        for numbers, instance, mask in zip(lines, row["instances"], instance_masks(row), strict=True):
            assert FINDING_NAMES[int(numbers[0])] == instance["finding"]
            worst = min(worst, iou(fill(corners(row, numbers), mask.shape), mask))
    return worst


def test_polygons_are_the_masks_again(source, tmp_path, capsys):
    found = exported(source, tmp_path / "yolo", "yolo", labels="all")
    worst = compare(source, tmp_path / "yolo", filled)
    with capsys.disabled():
        print(f"\nyolo: worst IoU {worst:.4f}; {found.losses[0]}")
    assert worst >= 0.98
    assert "IoU with the masks" in found.losses[0]


def test_cv2_fills_them_alike(source, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="opencv is not installed")
    exported(source, tmp_path / "yolo", "yolo", labels="all")

    def fill(points, shape):
        return cv2.fillPoly(np.zeros(shape, np.uint8), [points], 1).astype(bool)

    assert compare(source, tmp_path / "yolo", fill) >= 0.98


def test_boxes_are_tight(source, tmp_path):
    exported(source, tmp_path / "yolo", "yolo", labels="all", masks="boxes")
    rows = accepted_rows(source)
    for key, lines in labels(tmp_path / "yolo").items():
        for (_, x, y, w, h), instance in zip(lines, rows[key]["instances"], strict=True):
            size = rows[key]["width"]
            box = [(x - w / 2) * size, (y - h / 2) * size, w * size, h * size]
            assert box == pytest.approx(instance["bbox"], abs=1e-3)


def test_what_nobody_sees_is_left_out_and_counted(source, tmp_path):
    found = exported(source, tmp_path / "yolo", "yolo")
    written = sum(map(len, labels(tmp_path / "yolo").values()))
    everything = sum(len(row["instances"]) for row in accepted_rows(source).values())
    assert written == sum(found.lesions.values()) == everything - sum(found.doubted.values())
    assert found.doubted


def total(loss):
    """The sum of an epoch's losses, a tensor or, since 8.4, one for each name."""
    return float(sum(loss.values()) if isinstance(loss, dict) else loss.sum())


@pytest.mark.parametrize(("masks", "task", "channels"), [("polygons", "segment", 1), ("boxes", "detect", 3)])
def test_ultralytics_trains_on_it(source, tmp_path, monkeypatch, masks, task, channels):
    pytest.importorskip("ultralytics", reason="ultralytics is not installed")
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    from ultralytics import YOLO

    exported(source, tmp_path / "yolo", "yolo", masks=masks, channels=channels)
    name = "yolo11n-seg.yaml" if task == "segment" else "yolo11n.yaml"
    model, losses = YOLO(name, task=task), []
    model.add_callback("on_train_epoch_end", lambda trainer: losses.append(total(trainer.tloss)))
    model.train(
        data=str(tmp_path / "yolo/data.yaml"),
        epochs=8,
        imgsz=64,
        batch=32,
        workers=0,
        device="cpu",
        project=str(tmp_path / "runs"),
        optimizer="Adam",
        lr0=2e-3,
        seed=0,
        **dict.fromkeys(("plots", "val", "amp"), False),
        **dict.fromkeys(("mosaic", "scale", "translate", "fliplr", "erasing", "hsv_v", "warmup_epochs"), 0.0),
    )
    assert losses[-1] < losses[0]
