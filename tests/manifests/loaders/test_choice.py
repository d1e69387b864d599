"""Which samples a loader gives: those of an export with the same choice, or fewer, and mistakes in a line."""

import json

import pytest
from drawn_exports import accepted_rows, build_seen, exported

from manifests.errors import DatasetError
from manifests.exporting.trust import lesion_trusts
from manifests.loaders.choice import Choice
from manifests.loaders.datasets import DetectionDataset
from manifests.loaders.films import Films
from synth.errors import users_mistake
from synth.findings import FINDING_NAMES


def keys(films):
    return [films.name(place).key for place in range(len(films))]


def chosen(source, **options):
    return keys(Films(source.url, Choice(**options)))


@pytest.mark.parametrize("options", [{}, {"labels": "all"}, {"val": 30, "test": 20}])
def test_splits_are_those_of_exports(source, tmp_path, options):
    exported(source, tmp_path / "out", "coco", **options)
    every = chosen(source, near_duplicates=True, **options)
    for split in ("train", "val", "test"):
        images = json.loads((tmp_path / f"out/annotations/instances_{split}.json").read_text())["images"]
        assert images
        assert chosen(source, split=split, near_duplicates=True, **options) == [
            f"{image['id']:09d}" for image in images
        ]
        every = [key for key in every if int(key) not in {image["id"] for image in images}]
    assert every == []


def test_labels_and_ignore_regions_are_those_of_exports(source, tmp_path):
    exported(source, tmp_path / "out", "coco")
    for split in ("train", "val", "test"):
        found = json.loads((tmp_path / f"out/annotations/instances_{split}.json").read_text())
        for image, target in DetectionDataset(source.url, split=split, near_duplicates=True):
            entries = [a for a in found["annotations"] if a["image_id"] == target["image_id"]]
            labels = [a["category_id"] for a in entries if not a["iscrowd"]]
            ignored = [a["category_id"] for a in entries if a["iscrowd"]]
            assert target["labels"].tolist() == labels
            assert target["ignore_labels"].tolist()[: len(ignored)] == ignored
            boxes = [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in entries if not a["iscrowd"])]
            assert target["boxes"].tolist() == boxes
            assert image.shape == (1, *target["masks"].shape[1:])


def test_near_duplicates_are_left_out_unless_wanted(tmp_path):
    from dataclasses import replace

    import numpy as np
    from drawn_exports import seen

    def resembling(record):
        if record.case.key == "000000013" and record.candidate:  # of the second shard, as one of the first
            return replace(seen(record), embedding=np.eye(64, dtype=np.float32)[1])
        return seen(record)

    source = build_seen(tmp_path / "build", 2, change=resembling)
    with_it = chosen(source, near_duplicates=True, labels="all")
    without = chosen(source, labels="all")
    assert sorted({*with_it} - {*without}) == ["000000013"]


def test_films_that_were_not_understood_whole_are_left_out_unless_all_labels_are_wanted(tmp_path):
    source = build_seen(tmp_path / "build", incomplete=("000000000", "000000001"))
    assert {*chosen(source, labels="all")} - {*chosen(source)} == {"000000000", "000000001"}


@pytest.mark.parametrize("finding", ["mass", "nodule", "effusion"])
def test_findings_are_those_with_a_labelled_lesion(source, finding):
    rows = accepted_rows(source)
    expected = [
        key
        for key in chosen(source)
        if any(
            i["finding"] == finding and not trust.doubt
            for i, trust in zip(rows[key]["instances"], lesion_trusts(rows[key]), strict=True)
        )
    ]
    assert expected
    assert chosen(source, findings=finding) == expected


def test_normal_films_are_a_finding_too(source):
    normal, rows = chosen(source, findings=["no_finding"]), accepted_rows(source)
    assert normal
    assert all(not rows[key]["findings"] and not rows[key]["instances"] for key in normal)
    shown = chosen(source, findings=FINDING_NAMES)
    assert sorted(chosen(source, findings=(*FINDING_NAMES, "no_finding"))) == sorted([*normal, *shown])


def test_view_and_thresholds(source):
    rows = accepted_rows(source)
    every = chosen(source)
    assert chosen(source, view="PA") == [key for key in every if rows[key]["view"] == "PA"]
    scores = {key: rows[key]["integrity_score"] for key in every}
    middle = sorted(s for s in scores.values() if s is not None)[len(every) // 2]
    expected = [key for key in every if scores[key] is None or scores[key] >= middle]
    assert chosen(source, thresholds={"integrity": middle}) == expected
    assert 0 < len(expected) < len(every)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split: 'dev', expected one of train, val, test"),
        ({"labels": "some"}, "labels: 'some', expected seen or all"),
        ({"findings": ["efusion"]}, "findings: 'efusion', expected one of atelectasis"),
        ({"findings": "efusion"}, "findings: 'efusion', expected one of atelectasis"),
        ({"view": "lateral"}, "view: 'lateral', expected one of PA, AP"),
        ({"val": 7}, "val: 7, expected percent"),
        (
            {"thresholds": {"sharpness": 1}},
            "thresholds: 'sharpness', expected a filter of the build: integrity",
        ),
        (
            {"thresholds": {"integrity": 9.0}, "findings": "mass", "view": "AP"},
            "no sample fits findings='mass'",
        ),
    ],
)
def test_mistakes_are_a_line(source, options, message):
    with pytest.raises(DatasetError) as told:
        chosen(source, **options)
    assert message in users_mistake(told.value)
