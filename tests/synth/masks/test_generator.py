"""Pseudo-masks: on the prompted side and zone, in the lungs, diverse, and a function of the seed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from synth.cases import FindingRequest
from synth.findings import FINDING_NAMES, FINDINGS
from synth.masks.anatomy import ShapeModel, enlarged_outline, lung_box
from synth.masks.generator import Layout, MaskGenerator
from synth.masks.lesion_sets import SCORES, SEVERITIES, ZONES, BoxCode, OutlineCode, side_of, zone_of
from synth.masks.walls import Walls
from synth.prompts.places import draw_requests
from synth.weights import SHIPPED

SHAPE = ShapeModel.load(SHIPPED / "shape")
MASKER = MaskGenerator.load(SHIPPED / "masks")
#: Findings that occur in every zone; free fluid and a whole lung's emphysema do not.
ANYWHERE = ("nodule", "mass", "calcification", "consolidation")
LATERAL = [n for n, f in FINDINGS.items() if f.lateral]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(LATERAL),
    st.sampled_from(("right", "left")),
    st.sampled_from((None, "upper", "mid", "lower")),
    st.integers(0, 10**6),
)
def test_lesions_lie_where_they_were_asked(name, side, zone, seed):
    rng = np.random.default_rng(seed)
    body = SHAPE.masks(rng, 128)
    masks = MASKER.sample([FindingRequest(name, side, zone)], body, rng)
    x0, y0, width, height = lung_box(masks.lungs)
    for lesion in masks.lesions:
        assert lesion.finding == name
        ys, xs = np.nonzero(lesion.mask)
        x, y = ((xs.mean() + 0.5) / 128 - x0) / width, ((ys.mean() + 0.5) / 128 - y0) / height
        assert side_of(x) == ("right", "left").index(side)
        if zone is not None and name in ANYWHERE:
            assert zone_of(y) == ("upper", "mid", "lower").index(zone)


def test_nearly_every_request_gets_a_lesion():
    got = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        request = FindingRequest(LATERAL[seed % len(LATERAL)], ("right", "left")[seed % 2])
        got += bool(MASKER.sample([request], SHAPE.masks(rng, 128), rng).lesions)
    assert got >= 57


def test_several_findings_come_together_in_the_vocabularys_order():
    requests = [FindingRequest(n) for n in ("nodule", "effusion", "cardiomegaly")]
    rng = np.random.default_rng(1)
    body = SHAPE.masks(rng, 128, "moderate")
    masks = MASKER.sample(requests, body, rng)
    names = [m.finding for m in masks.lesions]
    assert set(names) == {r.name for r in requests}
    assert names == sorted(names, key=FINDING_NAMES.index)
    heart = next(m for m in masks.lesions if m.finding == "cardiomegaly")
    assert np.array_equal(heart.mask, enlarged_outline(body[2]))


def test_two_samples_of_one_prompt_differ_and_one_seed_repeats():
    body = SHAPE.masks(np.random.default_rng(0), 128)
    request = [FindingRequest("consolidation", "right", "lower")]
    unions = [
        MASKER.sample(request, body, np.random.default_rng(s)).lesion_channels().any(0) for s in range(8)
    ]
    overlap = [(a & b).sum() / max(1, (a | b).sum()) for a, b in zip(unions[::2], unions[1::2], strict=True)]
    assert np.mean(overlap) < 0.6
    again = MASKER.sample(request, body, np.random.default_rng(0)).lesion_channels().any(0)
    assert np.array_equal(unions[0], again)


def drawn(name, seeds, size=128):
    """(mask, mask set) of lesions of one finding on the right side, one prompt per seed."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        masks = MASKER.sample([FindingRequest(name, "right")], SHAPE.masks(rng, size), rng)
        for lesion in masks.lesions:
            yield lesion.mask, masks


def test_free_fluid_has_no_air_under_it():
    for mask, masks in drawn("effusion", 15):
        half = masks.lungs & (np.arange(128) < np.flatnonzero(masks.lungs.any(0))[[0, -1]].mean())
        below = np.maximum.accumulate(mask, axis=0) & half
        assert not (below & ~mask).any()
        low = np.flatnonzero(mask.any(1))[-1]
        assert mask[low].any()
        assert mask[np.flatnonzero(half.any(1))[-1]].any() or low >= np.flatnonzero(half.any(1))[-1] - 6


def test_air_and_thickening_touch_the_wall():
    for name in ("pneumothorax", "pleural_thickening"):
        for mask, masks in drawn(name, 15):
            outside = ndimage.binary_dilation(~masks.lungs, iterations=2)
            assert (mask & outside).any()
            ys, xs = np.nonzero(mask)
            walls = Walls(masks.lungs)
            wall = (walls.chest if name == "pneumothorax" else walls.border)[:, ys, xs]
            depth = np.hypot(wall[0] - ys, wall[1] - xs)
            assert depth.min() <= 2
            assert np.median(depth) < 0.12 * 128


def test_large_findings_are_larger_than_small_ones():
    def area(name):
        return np.mean([mask.sum() / masks.lungs.sum() for mask, masks in drawn(name, 15)])

    small = max(area(n) for n in ("nodule", "calcification"))
    assert small < 0.03
    assert min(area(n) for n in ("emphysema", "diffuse_nodule")) > 0.1


def test_severe_findings_are_larger_than_mild_ones():
    def area(name, severity):
        masks = []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            request = FindingRequest(name, "right", severity=severity)
            masks.append(MASKER.sample([request], SHAPE.masks(rng, 96), rng).lesion_channels().sum())
        return np.mean(masks)

    for name in ("consolidation", "effusion", "fibrosis"):
        assert area(name, "mild") < area(name, "moderate") < area(name, "severe")


@given(
    st.sampled_from(LATERAL),
    st.sampled_from((None, "right", "left", "bilateral")),
    st.sampled_from((None, "upper", "mid", "lower")),
    st.sampled_from((None, "mild", "moderate", "severe")),
    st.integers(0, 10**6),
)
def test_a_layout_keeps_what_was_asked(name, side, zone, severity, seed):
    layout = MASKER.layout(FindingRequest(name, side, zone, severity), np.random.default_rng(seed))
    sides, zones = zip(*layout.cells, strict=True)
    assert set(sides) == {None: set(sides), "right": {0}, "left": {1}, "bilateral": {0, 1}}[side]
    assert zone is None or set(zones) == {ZONES.index(zone)}
    assert severity is None or SEVERITIES[layout.severity] == severity
    assert Layout.parse(str(layout)) == layout


@pytest.mark.parametrize("name", ["consolidation", "nodule", "effusion"])
def test_layouts_of_drawn_requests_are_as_frequent_as_real_ones(name):
    rng = np.random.default_rng(0)
    requests = [replace(draw_requests([name], rng)[0], severity=None) for _ in range(1000)]
    drawn = [MASKER.layout(r, rng) for r in requests]

    def shares(layouts):
        """Of severities, of zones over all instances, and of layouts with one instance."""
        zones = np.bincount([z for o in layouts for _, z in o.cells], minlength=3)
        severities = np.bincount([o.severity for o in layouts], minlength=3)
        single = np.mean([len(o.cells) == 1 for o in layouts])
        return [*severities / severities.sum(), *zones / zones.sum(), single]

    assert shares(drawn) == pytest.approx(shares(MASKER.layouts[name]), abs=0.07)


def test_no_finding_means_no_lesion():
    body = SHAPE.masks(np.random.default_rng(0), 64)
    assert MASKER.sample([], body, np.random.default_rng(0)).lesions == ()


@given(st.integers(0, 10**6))
def test_boxes_survive_their_code_and_their_scores_are_normal(seed):
    rng = np.random.default_rng(seed)
    boxes = np.exp(rng.standard_normal((200, 4))) * (1, 2, 3, 4)
    code = BoxCode.fit({(3, 1): boxes})
    scores = np.stack([code.encode(box, 3, 1) for box in boxes])
    assert scores.mean(0) == pytest.approx(np.zeros(4), abs=0.05)
    assert scores.std(0) == pytest.approx(np.ones(4), abs=0.05)
    inside = (np.abs(scores) < SCORES[-1]).all(1)
    assert inside.mean() > 0.9
    assert code.decode(scores, 3, 1)[inside] == pytest.approx(boxes[inside], rel=1e-6)


def test_outlines_survive_their_code():
    ys, xs = np.mgrid[:24, :24]
    masks = [((xs - 11.5) / a) ** 2 + ((ys - 11.5) / b) ** 2 < 1 for a in range(6, 12) for b in range(6, 12)]
    code = OutlineCode.fit(masks)
    for mask in masks[::7]:
        back = code.decode(code.encode(mask), 24, 24)
        assert (back != mask).mean() < 0.03
