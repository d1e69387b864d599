"""Shapes are plausible, sided, sized as asked, and the two lung conventions convert."""

from dataclasses import replace

import numpy as np
import pytest
from bodies import schematic_body

from synth.cases import Lesion, MaskSet
from synth.demographics import Demographics
from synth.findings import ANATOMY
from synth.masks.anatomy import (
    AVERAGE_AGE,
    ENLARGED,
    NORMAL_RATIO,
    OLDEST,
    ShapeModel,
    cardiothoracic_ratio,
    enlarged_outline,
    extend_behind_heart,
    lung_box,
    normal_heart,
    rasterise,
    regressors,
    split_lungs,
    without_lesions,
)
from synth.weights import SHIPPED


@pytest.fixture(scope="module")
def shape() -> ShapeModel:
    return ShapeModel.load(SHIPPED / "shape")


def test_sampled_bodies_are_whole_and_sided(shape):
    for seed in range(30):
        body = shape.masks(np.random.default_rng(seed), 96)
        assert body.shape == (5, 96, 96)
        assert body.any((1, 2)).all()
        centre = [np.nonzero(part)[1].mean() for part in body]
        assert centre[0] < centre[1], "the right lung lies on the left of the image"
        assert centre[3] < centre[4]
        assert (body[0] & body[1]).sum() == 0


@pytest.mark.parametrize("severity", list(ENLARGED))
def test_cardiomegaly_enlarges_the_heart_past_half(shape, severity):
    low, high = ENLARGED[severity]
    ratios = [cardiothoracic_ratio(shape.masks(np.random.default_rng(s), 256, severity)) for s in range(20)]
    assert min(ratios) > max(0.5, low - 0.03)
    assert max(ratios) < high + 0.03


def test_an_enlarged_hearts_outline_leaves_out_vessels_and_what_the_diaphragm_overlies(shape):
    heart = shape.masks(np.random.default_rng(0), 256, "moderate")[2]
    outline = enlarged_outline(heart)
    rows, kept = (np.flatnonzero(m.any(1)) for m in (heart, outline))
    height = rows[-1] + 1 - rows[0]
    assert kept[0] - rows[0] == pytest.approx(0.25 * height, abs=1)
    assert rows[-1] - kept[-1] == pytest.approx(0.15 * height, abs=1)
    assert np.array_equal(outline[kept], heart[kept])
    assert outline.any(0).sum() == heart.any(0).sum()
    assert not enlarged_outline(np.zeros((8, 8), bool)).any()


@pytest.mark.parametrize("severity", list(ENLARGED))
def test_an_enlarged_heart_becomes_the_one_the_model_would_have_drawn(shape, severity):
    average = replace(shape, ratio=np.array([shape.ratio[0], 0]))
    agreement = []
    for seed in range(20):
        body = shape.masks(np.random.default_rng(seed), 256, severity)
        normal, wanted = normal_heart(body), average.masks(np.random.default_rng(seed), 256)[2]
        agreement.append((normal & wanted).sum() / (normal | wanted).sum())
        assert cardiothoracic_ratio(np.stack([*body[:2], normal, *body[3:]])) < 0.5
    assert np.mean(agreement) > 0.85


def test_a_normal_heart_stays_as_it_is_and_an_absent_one_absent(shape):
    assert pytest.approx(shape.ratio[0], abs=0.002) == NORMAL_RATIO
    slim = replace(shape, ratio=np.array([0.4, 0])).masks(np.random.default_rng(0), 128)
    assert np.array_equal(normal_heart(slim), slim[2])
    slim[2] = False
    assert not normal_heart(slim).any()


def test_without_lesions_only_an_enlarged_heart_changes():
    body = schematic_body(64)
    body[2, 24:48, 16:48] = True  # three quarters of the lungs' width
    spot = np.zeros((64, 64), bool)
    spot[20:24, 12:16] = True
    with_nodule = without_lesions(MaskSet(body, (Lesion("nodule", spot),)))
    assert with_nodule.lesions == ()
    assert np.array_equal(with_nodule.anatomy, body)
    both = MaskSet(body, (Lesion("nodule", spot), Lesion("cardiomegaly", body[2])))
    healthy = without_lesions(both)
    assert healthy.lesions == ()
    assert 0 < healthy.anatomy[2].sum() < body[2].sum()
    assert np.array_equal(np.delete(healthy.anatomy, 2, 0), np.delete(body, 2, 0))
    assert np.array_equal(both.anatomy, body)


def test_without_cardiomegaly_the_ratio_stays_at_half_or_below(shape):
    ratios = [cardiothoracic_ratio(shape.masks(np.random.default_rng(s), 256)) for s in range(40)]
    assert max(ratios) < 0.51


def average_extent(shape: ShapeModel, who: Demographics) -> np.ndarray:
    """(2,) width and height of both lungs, over the same 30 draws for everyone."""
    masks = (shape.masks(np.random.default_rng(s), 128, None, who) for s in range(30))
    return np.mean([lung_box(m[0] | m[1])[2:] for m in masks], 0)


def test_children_have_small_lungs_and_ap_films_narrow_ones(shape):
    adult = average_extent(shape, Demographics(40, "M", "PA"))
    child = average_extent(shape, Demographics(6, "M", "PA"))
    portable = average_extent(shape, Demographics(40, "M", "AP"))
    woman = average_extent(shape, Demographics(40, "F", "PA"))
    assert (child < 0.9 * adult).all()
    assert portable[0] < 0.97 * adult[0]
    assert (woman < adult).all()


def test_what_is_not_told_of_a_patient_is_taken_as_average():
    assert regressors(Demographics()).tolist() == [1, 0, 0, 0, 0]
    average = Demographics(AVERAGE_AGE)
    assert np.array_equal(regressors(average), regressors(Demographics()))
    assert np.array_equal(regressors(Demographics(120)), regressors(Demographics(OLDEST)))


def test_a_shape_is_the_same_at_every_resolution(shape):
    small, large = (shape.masks(np.random.default_rng(3), size) for size in (128, 512))
    coarse = large.reshape(5, 128, 4, 128, 4).mean((2, 4)) > 0.5
    assert (coarse != small).mean() < 0.003


def test_sampling_repeats_with_its_seed(shape):
    a, b = (shape.sample(np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(a[n], b[n]) for n in ANATOMY)


def test_extending_behind_the_heart_only_adds_on_the_medial_side(shape):
    contours = shape.sample(np.random.default_rng(0))
    cut = dict(contours)
    left = cut["left_lung"].copy()
    left[30:40, 0] += 0.08  # the heart border
    cut["left_lung"] = left
    whole = extend_behind_heart(cut, (0.07, 0.07))
    before, after = (rasterise(c, 256)[:2] for c in (cut, whole))
    assert after[1].sum() > before[1].sum()
    assert (before & ~after).sum() < 0.01 * before.sum()
    assert lung_box(after.any(0)) == pytest.approx(lung_box(before.any(0)), abs=0.01)


def test_split_lungs_orders_by_the_patients_side():
    body = schematic_body()
    right, left = split_lungs(body[0] | body[1])
    assert np.array_equal(right, body[0])
    assert np.array_equal(left, body[1])
