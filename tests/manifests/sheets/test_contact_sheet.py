import io

import numpy as np
import pytest
from drawn_records import BUILD, draw_shard
from PIL import Image

from manifests.annotations import annotations
from manifests.builds import open_build
from manifests.errors import DatasetError
from manifests.sheets.contact_sheet import contact_sheet
from manifests.sheets.overlays import outlines, overlaid, plain
from manifests.sheets.palette import FINDING_COLOURS
from manifests.store import Store
from synth.findings import FINDING_NAMES


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_sheet_holds_what_was_asked_for(store):
    one = picture(contact_sheet(store, accepted=1, rejected=0, columns=1, tile=96))
    four = picture(contact_sheet(store, accepted=3, rejected=1, columns=2, tile=96))
    assert one.width < four.width
    assert one.height < four.height


def test_the_same_sheet_twice(store):
    assert contact_sheet(store, 3, 2, tile=64) == contact_sheet(store, 3, 2, tile=64)


def test_samples_by_key(store):
    keys = [r.case.key for shard in range(3) for r in draw_shard(shard) if r.status != "failed"]
    assert contact_sheet(store, keys=keys[-1:], tile=64) != contact_sheet(store, keys=keys[:1], tile=64)
    with pytest.raises(DatasetError, match="key: '999999999' has no image"):
        contact_sheet(store, keys=["999999999"])


def test_nothing_to_show(tmp_path):
    open_build(store := Store(tmp_path), BUILD)
    with pytest.raises(DatasetError, match="no committed samples to show"):
        contact_sheet(store)


def test_colours_tell_findings_apart():
    assert tuple(FINDING_COLOURS) == FINDING_NAMES
    assert len(set(FINDING_COLOURS.values())) == len(FINDING_NAMES)


def test_an_overlay_changes_lesions_and_leaves_the_rest():
    record = next(r for r in draw_shard(0) if r.candidate and r.candidate.masks.lesions)
    candidate = record.candidate
    shapes = [s for s in outlines(annotations(1, candidate.masks)) if s.is_lesion]
    size = candidate.image.shape[0]
    before = np.asarray(plain(candidate.image, size), dtype=int)
    after = np.asarray(overlaid(candidate.image, shapes[:1], size), dtype=int)
    changed = np.abs(after - before).sum(axis=2) > 60
    lesion = shapes[0]
    assert changed[lesion.mask].mean() > 0.5
    below = slice(lesion.box[1] + lesion.box[3] + 2, None)  # the label stands above the box
    assert not changed[below].any()
