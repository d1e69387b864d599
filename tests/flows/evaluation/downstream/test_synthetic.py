"""Synthetic films of builds and of other people's COCO folders, and what they teach."""

import json

import numpy as np
import pytest
from PIL import Image

from flows.evaluation.downstream.classify import Classify
from flows.evaluation.downstream.detect import Detect
from flows.evaluation.downstream.segment import OPEN, Segment
from flows.evaluation.downstream.settings import DownstreamConfig
from flows.evaluation.downstream.synthetic import SyntheticFilm, synthetic_films
from flows.evaluation.downstream.vocabulary import BOXED
from manifests.exporting.settings import ExportSettings
from synth.errors import UserError

SIDE = 80


@pytest.fixture
def folder(tmp_path):
    """Two images; one has a box of pneumothorax, a polygon of consolidation and a crowd of mass."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(40, 200, (SIDE, SIDE), np.uint8)).save(tmp_path / name)
    names = ["Pneumothorax", "airspace opacity", "mass", "pacemaker"]
    entry = {"image_id": 1, "iscrowd": 0, "area": 100}
    crowd = {"size": [SIDE, SIDE], "counts": [0, SIDE * 10, SIDE * (SIDE - 10)]}
    content = {
        "images": [
            {"id": i, "file_name": n, "width": SIDE, "height": SIDE} for i, n in ((1, "a.png"), (2, "b.png"))
        ],
        "categories": [{"id": i, "name": n} for i, n in enumerate(names)],
        "annotations": [
            entry | {"id": 1, "category_id": 0, "bbox": [8, 16, 24, 32]},
            entry | {"id": 2, "category_id": 1, "bbox": [40, 40, 20, 20],
                     "segmentation": [[40, 40, 60, 40, 60, 60, 40, 60]]},
            entry | {"id": 3, "category_id": 2, "bbox": [0, 0, 10, 80], "iscrowd": 1, "segmentation": crowd},
            entry | {"id": 4, "category_id": 3, "bbox": [0, 0, 9, 9]},
        ],
    }  # fmt: skip
    (tmp_path / "them.json").write_text(json.dumps(content))
    return tmp_path


def config_of(folder, **changes):
    coco = ({"annotations": folder / "them.json", "images": folder},) if folder else ()
    return DownstreamConfig(**({"real": "x", "output": "y", "coco": coco} | changes))


def test_a_coco_folder_is_read(folder):
    first, second = synthetic_films(config_of(folder), 64)
    assert first.image.shape == (64, 64)
    assert first.shows == {"pneumothorax", "consolidation"}
    assert first.unsure == {"mass"}
    assert not second.shows | second.unsure
    task = Detect(["Lung Opacity", "Mass", "Pneumothorax"], 64)
    truth = task.truth(first)
    assert truth.labels.tolist() == [0, 2]
    assert truth.boxes[1] == pytest.approx([0.1, 0.2, 0.4, 0.6], abs=1e-6)
    assert truth.boxes[0] == pytest.approx([0.5, 0.5, 0.75, 0.75], abs=0.02)
    assert truth.doubt_labels.tolist() == [0, 1]  # a mass may be boxed as an opacity, and this is in doubt
    assert truth.known.all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected a COCO file"),
        ("{}", "expected a COCO file"),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}',
            "categories cat, expected",
        ),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "mass"}]}', "no image"),
    ],
)
def test_what_is_no_coco_is_told_in_a_line(folder, content, message):
    (folder / "them.json").write_text(content)
    with pytest.raises(UserError, match=message) as told:
        list(synthetic_films(config_of(folder), 64))
    assert "\n" not in str(told.value)


def test_our_own_export_gives_what_the_build_gives(build, tmp_path):
    from manifests.exporting.run import export
    from manifests.exports.registry import find_format
    from manifests.store import Store

    export(Store(build), Store(tmp_path), find_format("coco"), ExportSettings(val=0, test=0))
    coco = {
        "annotations": tmp_path / "annotations/instances_train.json",
        "images": tmp_path / "images/train",
    }
    ours = {f.name.split("/")[1]: f for f in synthetic_films(config_of(None, builds=(build,), coco=()), 64)}
    theirs = {
        f"{int(f.name.split('/')[1]):09d}": f for f in synthetic_films(config_of(tmp_path, coco=(coco,)), 64)
    }
    assert ours
    for key in ours.keys() & theirs.keys():
        assert ours[key].shows == theirs[key].shows
        assert (ours[key].lungs is None, theirs[key].lungs is None) == (False, True)


def test_a_build_gives_accepted_films_with_their_doubts(build):
    films = list(synthetic_films(config_of(None, builds=(build,), coco=()), 64))
    assert len({f.name for f in films}) == len(films) > 5
    assert any(f.doubted for f in films)
    assert all(f.image.shape == (64, 64) and f.lungs is not None for f in films)


def outlined(*names, doubted=(), unknown=()):
    mask = np.zeros((64, 64), bool)
    mask[10:30, 10:30] = True
    return SyntheticFilm(
        "x",
        np.zeros((64, 64), np.uint8),
        tuple((n, mask) for n in names),
        tuple((n, mask) for n in doubted),
        frozenset(unknown),
    )


def test_a_doubted_or_ambiguous_lesion_teaches_neither_way():
    classify = Classify(["opacity", "Effusion"], 64)
    for film, there, known in (
        (outlined("consolidation"), (True, False), (True, True)),
        (outlined("effusion"), (False, True), (False, True)),
        (outlined(doubted=("consolidation",)), (False, False), (False, True)),
        (outlined(unknown=("effusion",)), (False, False), (False, False)),
        (outlined(), (False, False), (True, True)),
    ):
        truth = classify.truth(film)
        assert tuple(truth.classes) == there, film.shows
        assert tuple(truth.known) == known, film.shows
    segment = Segment(None, 64)
    mask = segment.truth(outlined("effusion")).mask
    assert (mask[0] == OPEN).all()  # nobody outlined the lungs
    assert set(np.unique(mask[1])) == {OPEN, 0}
    assert segment.truth(outlined("consolidation", "effusion")).mask[1].max() == 1


def test_every_class_of_a_box_means_a_finding():
    assert all(meaning.show for meaning in BOXED.values())
