"""Rendered lesions change the film where they lie, in the right direction, and nowhere else."""

import numpy as np
import pytest
from bodies import schematic_body, schematic_radiograph
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from synth.anatomy import cardiothoracic_ratio
from synth.cases import Lesion
from synth.lesions import RENDERERS, Scene, attenuate, draw, enlarge_heart

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
    sign = -1 if finding == "pneumothorax" else 1
    assert sign * change[mask].mean() > 0.01


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 3), st.integers(0, 2**31))
def test_attenuation_is_beer_lambert_and_monotone(thickness, seed):
    image = np.random.default_rng(seed).random((8, 8))
    once = attenuate(image, np.full((8, 8), thickness))
    assert (once >= image - 1e-12).all()
    assert np.allclose(
        attenuate(once, np.full((8, 8), 0.5)), attenuate(image, np.full((8, 8), thickness + 0.5))
    )


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
    with pytest.raises(ValueError, match="finding: 'emphysema', expected one of"):
        draw(SCENE, [Lesion("emphysema", BODY[0])], "mild", np.random.default_rng(0))
