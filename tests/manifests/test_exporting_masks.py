"""Outlines cover what the masks do, and each lesion's trust is its own."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from manifests.errors import DatasetError
from manifests.exporting.outlines import filled, inner, joined, parts, rings
from manifests.exporting.trust import TOO_SMALL, UNJUDGED, UNSEEN, lesion_trusts


@given(arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))))
@settings(max_examples=200, deadline=None)
def test_polygons_are_exactly_the_mask_for_pycocotools(mask):
    polygons = [joined(group).astype(float).ravel().tolist() for group in parts(mask)]
    if not mask.any():
        assert polygons == []
        return
    again = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *mask.shape)))
    assert (again.astype(bool) == mask).all()


@given(arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))))
@settings(max_examples=200, deadline=None)
def test_inner_rings_run_through_pixels_of_the_mask_and_lose_none(mask):
    for ring in rings(mask):
        assert mask[tuple(inner(ring).T[::-1])].all()
    again = np.zeros_like(mask)
    for group in parts(mask):
        again |= filled(joined([inner(ring) for ring in group]), mask.shape)
    assert (again | ~mask).all()


def row(findings, lesions, verdict="pass", box=(0, 0, 20, 20)):
    detail = {"lesions": [{"finding": f, "localisation": v, "contrast": 0} for f, v in lesions]}
    return {
        "key": "000000007",
        "instances": [{"finding": f, "bbox": list(box)} for f in findings],
        "lesion_agreement_verdict": verdict,
        "lesion_agreement_threshold": 0.1,
        "lesion_agreement_detail": json.dumps(detail),
    }


def test_each_lesion_has_its_own_number_and_scattered_ones_share_theirs():
    findings = ["diffuse_nodule", "mass", "fracture", "mass", "diffuse_nodule", "effusion"]
    lesions = [("mass", 0.5), ("mass", 0.05), ("effusion", None), ("diffuse_nodule", 0.2)]
    found = lesion_trusts(row(findings, lesions))
    assert [t.localisation for t in found] == [0.2, 0.5, None, 0.05, 0.2, -1.0]
    assert [t.doubt for t in found] == ["", "", UNJUDGED, UNSEEN, "", UNSEEN]


def test_what_is_too_small_to_be_drawn_is_in_doubt():
    (trust,) = lesion_trusts(row(["calcification"], [("calcification", 0.9)], box=(3, 3, 7, 20)))
    assert trust.doubt == TOO_SMALL


@pytest.mark.parametrize("detail", ["[1]", "{", '{"lesions": 3}', '{"lesions": [{"localisation": 1}]}'])
def test_details_that_are_none_are_told(detail):
    broken = row(["mass"], []) | {"lesion_agreement_detail": detail}
    with pytest.raises(DatasetError, match="lesion_agreement_detail of 000000007"):
        lesion_trusts(broken)


def test_other_lesions_than_the_rows_are_told():
    with pytest.raises(DatasetError, match="2 of mass, expected 1"):
        lesion_trusts(row(["mass"], [("mass", 0.5), ("mass", 0.5)]))
