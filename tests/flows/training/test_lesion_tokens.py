"""Lesions as tokens: views keep what an image shows, and severities are terciles."""

import numpy as np
import pytest

from flows.training.lesion_tokens import VIEWS, LesionTokens, box_of, fit_codes, severities, turned
from synth.findings import FINDING_NAMES
from synth.masks.lesion_sets import side_of, zone_of

FINDING = FINDING_NAMES.index("consolidation")


def ellipse(x, y, a, b):
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], 1)


@pytest.fixture
def images():
    """60 images of one or two ellipses on both sides."""
    rng = np.random.default_rng(0)
    out = []
    for k in range(60):
        rows = []
        for _ in range(1 + k % 2):
            x, y = rng.uniform(0.05, 0.4) + 0.5 * rng.integers(2), rng.uniform(0.1, 0.9)
            shape = ellipse(x, y, *rng.uniform(0.03, 0.15, 2))
            rows.append((FINDING, side_of(x), zone_of(y), shape))
        out.append(rows)
    return out


def test_severities_are_terciles_of_the_whole_area_in_an_image(images):
    grades = [g[FINDING] for g in severities(images)]
    assert np.bincount(grades) == pytest.approx([20, 20, 20], abs=1)
    areas = [sum(np.prod(np.ptp(p, 0)) for *_, p in rows) for rows in images]
    assert np.corrcoef(areas, grades)[0, 1] > 0.7


def test_a_mirrored_view_is_the_other_side_and_decodes_to_the_mirrored_box(images):
    codes = fit_codes(images)
    rng = np.random.default_rng(1)
    body = rng.standard_normal((len(images), 3))
    tokens = LesionTokens.of(images, severities(images), body, codes, VIEWS, rng)
    for view in range(VIEWS):
        mirror = view % 2
        flip = np.array([1, 1, -1]) if mirror else np.ones(3)
        assert tokens.body[view].numpy() == pytest.approx(body * flip, abs=1e-6)
    errors = []
    for i, rows in enumerate(images):
        for j, (finding, side, zone, polygon) in enumerate(rows):
            assert not tokens.absent[i, j]
            for view, there in ((0, side), (1, 1 - side)):
                assert tokens.kinds[view, i, j, :3].tolist() == [finding, there, zone]
                box = codes[0].decode(tokens.tokens[view, i, j, :4].numpy(), finding, there)
                wanted = box_of(polygon if view == 0 else polygon * (-1, 1) + (1, 0))
                errors.append(np.abs(box - wanted).max())
        assert tokens.absent[i, len(rows) :].all()
    assert np.median(errors) < 0.02


def test_a_turned_lesion_stays_where_it_was_and_about_as_large():
    shape = ellipse(0.3, 0.6, 0.1, 0.05)
    moved = [turned(shape, np.random.default_rng(k)) for k in range(200)]
    assert np.mean([m.mean(0) for m in moved], 0) == pytest.approx([0.3, 0.6], abs=1e-9)
    widths = np.array([box_of(m)[2] for m in moved])
    assert widths.mean() == pytest.approx(box_of(shape)[2], abs=0.05)
    assert 0.03 < widths.std() < 0.15
