"""Pictures of an export say what they are as those of the build do."""

import pytest
from drawn_exports import build_seen, exported
from older_builds import build_older

from manifests.audit import read_manifest
from manifests.identity import build_hash, read_build
from manifests.marks import marks
from manifests.store import Store


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return build_seen(tmp_path_factory.mktemp("build"))


def embedded(out):
    """Every picture in the Parquet files of an export, with its key."""
    import pyarrow.parquet as pq

    for path in sorted(out.rglob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            for picture in (row["image"], row["anatomy"], row["lesions"], *row["objects"]["mask"]):
                yield row["key"], picture["bytes"]


@pytest.mark.parametrize(
    ("form", "settings"),
    [("coco", {}), ("coco", {"channels": 3}), ("yolo", {"channels": 3}), ("nnunet", {}), ("hf", {})],
)
def test_every_png_names_its_build_and_key(source, tmp_path, form, settings):
    exported(source, tmp_path / "out", form, labels="all", **settings)
    files = [(p.name[:9], p.read_bytes()) for p in (tmp_path / "out").rglob("*.png")]
    pictures = files or list(embedded(tmp_path / "out"))
    assert {key for key, _ in pictures} == {
        row["key"] for row in read_manifest(source).to_pylist() if row["status"] == "accepted"
    }
    build = build_hash(read_build(source)).encode()
    for key, png in pictures:
        (packet,) = marks(png)
        assert build in packet
        assert f'"{key}"'.encode() in packet


def test_a_build_of_before_there_were_marks_is_exported_without(tmp_path):
    source = build_older(tmp_path / "build", 3)
    exported(Store(source.url), tmp_path / "out", "coco", labels="all", channels=3)
    found = list((tmp_path / "out").rglob("*.png"))
    assert found
    assert all(marks(path.read_bytes()) == [] for path in found)
