"""Whatever bytes a reader is given, it gives what they hold or tells in one line what they do not."""

import io
import json
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from drawn_records import build_store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from manifests import layout
from manifests.annotations import decode_rle, encode_rle
from manifests.audit import read_manifest
from manifests.builds import finalise
from manifests.commits import parse_commit, read_commits
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.index import read_index
from manifests.labels import parse_labels
from manifests.members import MOST_PIXELS, decode_png, encode_png
from manifests.parts import read_part
from manifests.sheets.contact_sheet import contact_sheet
from manifests.sheets.palette import font, wrapped
from manifests.store import Store
from manifests.tars import read_samples

quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

#: A change of bytes: where (a share of them), how many are taken away, and what stands there then.
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4
)


def changed(data: bytes, how: list[tuple[float, int, bytes]]) -> bytes:
    for share, taken, put in how:
        at = int(share * len(data))
        data = data[:at] + put + data[at + taken :]
    return data


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Store:
    """One small finished shard."""
    store = build_store(tmp_path_factory.mktemp("fuzzed") / "out", shards=1, size=4)
    finalise(store)
    return store


READERS = {
    layout.BUILD: read_build,
    layout.INDEX: read_index,
    layout.commit_path(0): read_commits,
    layout.part_path(0): lambda store: read_part(store, read_commits(store)[0]).to_pylist(),
    layout.tar_path(0): lambda store: list(read_samples(store, layout.tar_path(0))),
    layout.MANIFEST: read_manifest,
}


@pytest.mark.parametrize("path", READERS)
@quick
@given(how=changes)
def test_a_changed_file_is_read_or_told(finished, path, how):
    file = Path(finished.path(path))
    before = file.read_bytes()
    file.write_bytes(changed(before, how))
    try:
        with suppress(DatasetError):
            READERS[path](finished)
    finally:
        file.write_bytes(before)


@quick
@given(data=st.binary(max_size=200))
def test_any_bytes_are_told(data):
    for parse in (
        lambda: parse_commit(data, "commits/000000.json"),
        lambda: parse_labels(data, "x.json"),
        lambda: decode_png(data),
        lambda: decode_rle(data.decode("latin-1"), (8, 8)),
    ):
        with suppress(DatasetError):
            parse()


@quick
@given(how=changes)
def test_a_changed_picture_is_decoded_or_told(how):
    picture = encode_png(np.arange(30 * 40, dtype=np.uint16).reshape(30, 40))
    with suppress(DatasetError):
        assert decode_png(changed(picture, how), (30, 40)).shape == (30, 40)


def test_a_picture_of_900_megapixels_is_refused_before_it_is_decoded():
    out = io.BytesIO()
    Image.new("L", (30, 30)).save(out, "PNG")
    header = bytearray(out.getvalue())
    header[16:24] = (30_000).to_bytes(4, "big") * 2
    with pytest.raises(DatasetError):
        decode_png(bytes(header))
    assert MOST_PIXELS == 100_000_000


@quick
@given(
    mask=st.integers(1, 30).flatmap(
        lambda h: st.integers(1, 30).flatmap(
            lambda w: st.binary(min_size=h * w, max_size=h * w).map(
                lambda b: np.frombuffer(b, np.uint8).reshape(h, w) > 100
            )
        )
    )
)
def test_rle_is_read_as_pycocotools_writes_and_reads_it(mask):
    rle = encode_rle(mask)
    assert np.array_equal(decode_rle(rle["counts"], mask.shape), mask)
    theirs = coco_mask.decode({**rle, "counts": rle["counts"].encode()})
    assert np.array_equal(theirs.astype(bool), mask)


@pytest.mark.parametrize("counts", ["", "P", "0000000000", "ooooooooooooooooooo1", "²", "1\x001", "o0" * 999])
def test_rle_that_is_none_is_told(counts):
    with pytest.raises(DatasetError, match="RLE"):
        decode_rle(counts, (8, 8))


def labelled(finished: Store, **changes) -> bytes:
    _, members = next(read_samples(finished, layout.tar_path(0)))
    return json.dumps(json.loads(members["json"]) | changes).encode()


@pytest.mark.parametrize(
    "size", [[10**6, 10**6], [0, 4], [-1, 4], [48], None, "48", [48.0, 48.0], [10**400, 1], [47, 48]]
)
def test_a_segmentation_of_another_size_does_not_reach_the_decoder(finished, tmp_path, size):
    shape = {"size": size, "counts": "PPYo1"}
    annotation = {"category_id": 14, "bbox": [0, 0, 4, 4], "segmentation": shape}
    _shows_badly(finished, tmp_path, labelled(finished, annotations=[annotation]))


@pytest.mark.parametrize("labels", [b"[]", b"{}", b"null", b"[" * 3000, b"", b"\xff", b'{"prompt": 1}'])
def test_labels_that_are_none_are_told(finished, tmp_path, labels):
    _shows_badly(finished, tmp_path, labels)


def _shows_badly(finished: Store, tmp_path: Path, labels: bytes) -> None:
    import shutil

    folder = tmp_path / "shown"
    shutil.copytree(finished.root, folder)
    with tarfile.open(folder / layout.tar_path(0)) as tar:
        entries = [(entry, tar.extractfile(entry).read()) for entry in tar]  # type: ignore[union-attr]
    with tarfile.open(folder / layout.tar_path(0), "w", format=tarfile.USTAR_FORMAT) as tar:
        for entry, data in entries:
            content = labels if entry.name.endswith(".json") else data
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with pytest.raises(DatasetError) as caught:
        contact_sheet(Store(folder), accepted=2, rejected=0, tile=32)
    assert "\n" not in str(caught.value)
    assert layout.tar_path(0) in str(caught.value)


def test_a_prompt_of_any_length_is_drawn_at_once():
    import time

    from PIL import ImageDraw

    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    for text in ("x" * 500_000, "word " * 100_000, "\u0301" * 100_000):
        begun = time.monotonic()
        lines = wrapped(draw, text, 480, font(13), 3)
        assert time.monotonic() - begun < 5
        assert len(lines) <= 3
