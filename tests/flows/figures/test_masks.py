"""The figures of pseudo-masks tell good ones from bad ones."""

import numpy as np
import pytest

from flows.figures import masks as figures
from flows.figures.masks import Places, co_occurrence, distances, inside_lungs, obedience
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.masks.anatomy import ShapeModel
from synth.masks.generator import MaskGenerator
from synth.weights import SHIPPED
from tests.synth.bodies import schematic_body


def images(rng, count, shift=(0.0, 0.0, 0.0), name="nodule"):
    """Images with one to three instances around fixed values."""
    return [
        {
            name: Places(
                (0.05, 0.3, 0.6) + np.array(shift) + 0.02 * rng.standard_normal((int(rng.integers(1, 4)), 3)),
                np.ones(1),
            )
        }
        for _ in range(count)
    ]


def test_the_same_distribution_is_as_close_as_halves_are():
    rng = np.random.default_rng(0)
    ratio = distances(images(rng, 200), images(rng, 500), "nodule", rng)["ratio"]
    assert max(ratio.values()) < figures.CLOSE


@pytest.mark.parametrize("measure", [0, 1, 2])
def test_a_shift_of_one_deviation_is_seen_in_its_measure_alone(measure):
    rng = np.random.default_rng(1)
    shift = [0.0, 0.0, 0.0]
    shift[measure] = 0.02
    ratio = distances(images(rng, 200), images(rng, 500, shift), "nodule", rng)["ratio"]
    assert [v > figures.CLOSE for v in ratio.values()] == [m == measure for m in range(3)]


def test_what_occurs_together_correlates_and_what_does_not_does_not():
    rng = np.random.default_rng(2)
    place = Places(np.zeros((1, 3)), np.ones(1))

    def sets(pairs):
        return [{n: place for n in pairs[int(rng.integers(len(pairs)))]} for _ in range(400)]

    often = [("effusion", "consolidation")] * 3 + [("nodule", "mass")]
    assert co_occurrence(sets(often), sets(often)) > 0.95
    assert co_occurrence(sets(often), sets([("fracture", "fibrosis"), ("nodule", "effusion")])) < 0.5


def test_obedience_counts_the_wrong_side_the_wrong_zone_and_the_missing(monkeypatch):
    monkeypatch.setattr(figures, "SIZE", 64)
    body = schematic_body(64)
    spot = np.zeros((64, 64), bool)
    spot[14:17, 18:21] = True  # right, upper
    masks = MaskSet(body, (Lesion("nodule", spot),))
    asked = [
        [FindingRequest("nodule", "right", "upper")],
        [FindingRequest("nodule", "left", "lower")],
        [FindingRequest("mass", "right", "upper")],
        [FindingRequest("nodule", "bilateral")],
    ]
    got = obedience(asked, [masks] * 4)
    assert got["drawn"] == 0.75
    assert got["side_right"] == 0.25
    assert got["zone_right"] == pytest.approx(1 / 3, abs=1e-3)


def test_area_in_the_lungs_leaves_bones_and_heart_out():
    inside = Places(np.zeros((1, 3)), np.array([0.9]))
    outside = Places(np.zeros((1, 3)), np.array([0.1]))
    got = inside_lungs([{"nodule": inside, "fracture": outside}], [{"mass": inside, "cardiomegaly": outside}])
    assert got == {"real": {"mean": 0.9, "5th_percentile": 0.9}, "made": {"mean": 0.9, "5th_percentile": 0.9}}


def test_two_samples_of_one_prompt_differ():
    generator, shape = MaskGenerator.load(SHIPPED / "masks"), ShapeModel.load(SHIPPED / "shape")
    asked = [[FindingRequest(n)] for n in ("consolidation", "effusion", "nodule", "fibrosis", "cardiomegaly")]
    assert figures.same_prompt_iou(generator, shape, asked, np.random.default_rng(0)) < 0.5


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_the_shipped_generator_meets_the_bar_on_real_annotations(shared_data, monkeypatch):
    monkeypatch.setattr(figures, "PAIRS", 40)
    got = figures.mask_figures(MaskGenerator.load(SHIPPED / "masks"), shared_data, prompts=150)
    assert got["co_occurrence_correlation"] > 0.9
    assert got["side_right"] >= 0.97
    assert got["zone_right"] >= 0.9
    assert got["inside_lungs"]["made"]["5th_percentile"] >= got["inside_lungs"]["real"]["5th_percentile"]
    assert got["same_prompt_iou"] <= 0.5
    assert got["held_out_images"] > 700
    assert set(got["distances"]["effusion"]["ratio"]) == {"area", "x", "y"}
