"""Rendered lesions change the film where they lie, in the right direction, and nowhere else."""

import numpy as np
import pytest
from bodies import schematic_body, schematic_radiograph
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from synth.cases import Lesion
from synth.findings import FINDING_NAMES
from synth.masks.anatomy import cardiothoracic_ratio
from synth.rendering import REACH, RENDERERS, Scene, draw, enlarge_heart
from synth.rendering.scene import attenuate

BODY = schematic_body()
SCENE = Scene(schematic_radiograph(BODY), BODY)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    ys, xs = (np.mgrid[:128, :128] + 0.5) / 128
    return (xs - x) ** 2 + (ys - y) ** 2 < radius**2


@pytest.mark.parametrize("finding", list(RENDERERS))
def test_a_lesion_changes_its_place_and_hardly_the_other_lung(finding):
    mask = disc(0.7, 0.5, 0.08)
    image = draw(SCENE, [Lesion(finding, mask)], "moderate", np.random.default_rng(0))
    change = image - SCENE.image
    assert np.abs(change[mask]).mean() > 5 * np.abs(change[BODY[0]]).mean()
    assert 0 <= image.min() <= image.max() <= 1
    if finding != "fracture":  # a cleft is dark, callus bright
        sign = -1 if finding in ("pneumothorax", "emphysema") else 1
        assert sign * change[mask].mean() > 0.01


def test_every_finding_can_be_drawn():
    assert {*RENDERERS, "cardiomegaly"} == set(FINDING_NAMES)


@pytest.mark.parametrize("finding", list(RENDERERS))
def test_a_drawing_repeats_by_its_seed(finding):
    lesions = [Lesion(finding, disc(0.3, 0.5, 0.07))]
    once, again, other = (draw(SCENE, lesions, "severe", np.random.default_rng(i)) for i in (4, 4, 5))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 3), st.integers(0, 2**31))
def test_attenuation_is_beer_lambert_and_monotone(thickness, seed):
    image = np.random.default_rng(seed).random((8, 8))
    once = attenuate(image, np.full((8, 8), thickness))
    assert (once >= image - 1e-12).all()
    assert np.allclose(
        attenuate(once, np.full((8, 8), 0.5)), attenuate(image, np.full((8, 8), thickness + 0.5))
    )


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 0), st.integers(0, 2**31))
def test_air_darkens_by_shares_of_what_is_there_and_never_to_black(thickness, seed):
    image = 0.1 + 0.9 * np.random.default_rng(seed).random((8, 8))
    once = attenuate(image, np.full((8, 8), thickness))
    assert np.ptp(once / image) < 1e-9
    assert (once > 0).all()
    assert (once <= image + 1e-12).all()


@pytest.mark.parametrize("finding", list(REACH))
def test_a_small_lesion_changes_nothing_beyond_its_reach(finding):
    mask = disc(0.7, 0.5, 0.04)
    image = draw(SCENE, [Lesion(finding, mask)], "severe", np.random.default_rng(2))
    far = ndimage.distance_transform_edt(~mask) > REACH[finding] * SCENE.scale * np.sqrt(2) + 4
    assert far.any()
    assert np.array_equal(image[far], SCENE.image[far].astype(np.float32))
    assert not np.array_equal(image[mask], SCENE.image[mask].astype(np.float32))


def test_a_fracture_is_the_same_drawn_into_a_window_as_into_the_whole_film():
    """It draws no texture, whose noise is of the size of the window."""
    mask = disc(0.7, 0.5, 0.05)
    parts = draw(SCENE, [Lesion("fracture", mask)], "severe", np.random.default_rng(3))
    rng = np.random.default_rng(3)
    whole = RENDERERS["fracture"](SCENE, mask, rng.uniform(1.0, 1.3), rng)
    assert parts == pytest.approx(whole, abs=1e-4)


def test_a_window_has_the_scale_and_the_tissue_of_the_whole_film():
    part = SCENE.window(slice(10, 40), slice(20, 60)).window(slice(5, 20), slice(5, 20))
    assert part.image.shape == (15, 15)
    assert part.anatomy.shape == (5, 15, 15)
    assert (part.scale, part.tissue) == (SCENE.scale, SCENE.tissue)


@pytest.mark.parametrize("radius", [0.02, 0.03, 0.06])
def test_scars_are_seen_however_small(radius):
    mask = disc(0.3, 0.5, radius)
    changes = [
        (draw(SCENE, [Lesion("fibrosis", mask)], "moderate", np.random.default_rng(i)) - SCENE.image)[mask]
        for i in range(8)
    ]
    assert np.mean([np.sqrt((c**2).mean()) for c in changes]) > 0.05


def test_emphysema_leaves_the_heart_and_no_lung_is_black():
    dark = Scene(0.6 * SCENE.image, BODY)
    lungs = BODY[:2].any(0)
    image = draw(dark, [Lesion("emphysema", lungs)] * 3, "severe", np.random.default_rng(0))
    inner = ndimage.binary_erosion(BODY[2], iterations=10)
    assert inner.any()
    assert np.abs(image - dark.image)[inner].max() < 0.02
    aerated = lungs & ~BODY[2]
    assert image[aerated].mean() < 0.85 * dark.image[aerated].mean()
    assert np.percentile(image[aerated], 5) > 0.02


def test_a_fracture_is_no_darker_than_what_lies_beside_the_rib():
    """A rib of 0.2 on lung of 0.3: the cleft shows the lung, not the air outside."""
    ys = np.abs(np.arange(128)[:, None] - 64)
    rib = np.broadcast_to(0.3 + 0.2 * np.exp(-((ys / 3.0) ** 2)), (128, 128))
    films = [
        draw(Scene(rib, BODY), [Lesion("fracture", disc(0.5, 0.5, 0.06))], "severe", np.random.default_rng(i))
        for i in range(12)
    ]
    assert min(film.min() for film in films) > 0.2
    assert np.mean([(rib - film).max() for film in films]) > 0.1


def test_severity_makes_consolidation_denser():
    mask = disc(0.3, 0.5, 0.08)
    means = [
        np.mean(
            [
                draw(SCENE, [Lesion("consolidation", mask)], s, np.random.default_rng(i))[mask].mean()
                for i in range(8)
            ]
        )
        for s in ("mild", "moderate", "severe")
    ]
    assert means == sorted(means)


def test_fluid_leaves_no_air_below():
    mask = disc(0.3, 0.55, 0.05)
    image = draw(SCENE, [Lesion("effusion", mask)], "moderate", np.random.default_rng(0))
    below = np.maximum.accumulate(mask, axis=0) & BODY[0] & ~ndimage.binary_dilation(mask, iterations=2)
    assert (image - SCENE.image)[below].mean() > 0.1


@pytest.mark.parametrize("ratio", [0.52, 0.6, 0.66])
def test_an_enlarged_heart_has_the_ratio_asked_for_and_the_wall_stays(ratio):
    larger = enlarge_heart(SCENE, ratio)
    assert cardiothoracic_ratio(larger.anatomy) == pytest.approx(ratio, abs=0.04)
    assert np.array_equal(larger.anatomy[:2], BODY[:2])
    edge = np.s_[:, :8]
    assert np.abs(larger.image[edge] - SCENE.image[edge]).max() < 0.05


def test_a_finding_without_a_renderer_is_told():
    with pytest.raises(ValueError, match="finding: 'cardiomegaly', expected one of"):
        draw(SCENE, [Lesion("cardiomegaly", BODY[0])], "mild", np.random.default_rng(0))


def test_filled_lung_becomes_as_dense_as_the_heart_and_hides_their_border():
    """Silhouette sign: a severe consolidation beside the heart takes the edge between them away."""
    mask = disc(0.72, 0.5, 0.09) & ~BODY[2]
    images = [
        draw(SCENE, [Lesion("consolidation", mask)], "severe", np.random.default_rng(i)) for i in range(6)
    ]
    inner = ndimage.binary_erosion(mask, iterations=4)
    heart = SCENE.image[ndimage.binary_erosion(BODY[2], iterations=4)].mean()
    before = heart - SCENE.image[inner].mean()
    after = heart - np.mean([i[inner].mean() for i in images])
    assert before > 0.2
    assert abs(after) < 0.5 * before


def test_a_pneumothorax_has_no_vessels_in_it():
    rng = np.random.default_rng(0)
    grainy = Scene(np.clip(SCENE.image + 0.05 * rng.standard_normal(SCENE.image.shape), 0, 1), BODY)
    mask = disc(0.3, 0.4, 0.08)
    image = draw(grainy, [Lesion("pneumothorax", mask)], "moderate", rng)
    inner = ndimage.binary_erosion(mask, iterations=3)
    assert image[inner].std() < 0.5 * grainy.image[inner].std()


def test_two_pneumothoraces_of_one_lung_are_one_space_of_air():
    """What collapses beside one of them is lung, not the other's air."""
    apex, base, other = disc(0.3, 0.3, 0.05), disc(0.3, 0.62, 0.05), disc(0.7, 0.4, 0.05)
    lesions = [Lesion("pneumothorax", mask) for mask in (apex, other, base)]
    image = draw(SCENE, lesions, "severe", np.random.default_rng(1))
    one = draw(SCENE, [Lesion("pneumothorax", apex | base)], "severe", np.random.default_rng(1))
    assert np.array_equal(image[BODY[0]], one[BODY[0]])
    assert (image - SCENE.image)[other].mean() < -0.03
