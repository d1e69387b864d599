"""Each filter alone: what its score means, on images and opinions whose truth is known."""

import json
import math
from dataclasses import replace

import filter_cases as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import anatomy_agreement, finding_agreement, integrity, lesion_agreement
from filters.experts.opinion import Opinion
from filters.filter import Evidence
from synth.cases import Candidate, Lesion
from synth.findings import ANATOMY, FINDING_NAMES

SIZE = make.SIZE


def with_image(image):
    return Candidate(make.case(), make.masks(), image)


def saw(masks, certainty=0.9):
    """The opinion of an expert that sees exactly what the masks hold."""
    anatomy = np.where(masks.anatomy, certainty, 1 - certainty).astype(np.float32)
    return Opinion(structures=ANATOMY, anatomy=anatomy)


class TestIntegrity:
    def test_a_radiograph_like_image_is_well_above_zero(self):
        score = integrity.score(Evidence(make.candidate(3)))
        assert 0.4 < score.value <= 1
        assert score.value == pytest.approx(min(score.detail.values()), abs=1e-4)

    @pytest.mark.parametrize(
        ("image", "reason"),
        [
            (np.full((SIZE, SIZE), 90, np.uint8), "blank"),
            (np.where(np.eye(SIZE) > 0, 255, 0).astype(np.uint8), "clipped|blank"),
            (np.tile(np.uint8([0, 255]), (SIZE, SIZE // 2)), "clipped"),
            (np.full((SIZE, SIZE), np.nan, np.float32), "NaN"),
            (np.full((SIZE, SIZE), 700, np.int16), "outside"),
            (np.full((SIZE, SIZE), 90, np.int16), "8-bit"),
            (np.zeros((SIZE, SIZE - 1), np.uint8), "8-bit"),
            (np.zeros((SIZE, SIZE, 3), np.uint8), "8-bit"),
            (np.zeros((0, 0), np.uint8), "8-bit"),
            (np.full((SIZE, SIZE), "x"), "8-bit"),
        ],
    )
    def test_what_is_broken_scores_near_zero_and_says_why(self, image, reason):
        score = integrity.score(Evidence(with_image(image)))
        assert score.value < 0.1
        assert any(word in score.reason for word in reason.split("|"))
        json.dumps(score.detail, allow_nan=False)

    @given(st.integers(0, 2**32 - 1), st.floats(0, 1))
    @settings(max_examples=25, deadline=None)
    def test_less_contrast_never_scores_higher(self, seed, keep):
        image = make.textured(seed)
        flatter = (128 + keep * (image.astype(float) - 128)).astype(np.uint8)
        dull, full = (
            integrity.score(Evidence(with_image(flatter))),
            integrity.score(Evidence(with_image(image))),
        )
        assert dull.detail["contrast"] <= full.detail["contrast"] + 1e-9
        assert 0 <= dull.value <= 1

    def test_nearly_all_real_radiographs_pass(self, real_images):
        from filters import FILTERS

        refused = 0
        for image in real_images:
            masks = make.masks(size=image.shape[0])
            score = integrity.score(Evidence(Candidate(make.case(), masks, image)))
            refused += score.value < FILTERS["integrity"].threshold
        assert refused <= 0.08 * len(real_images)  # the threshold refuses 1 in 100 of all


class TestAnatomyAgreement:
    def test_perfect_masks_agree_wholly(self):
        candidate = make.candidate(0)
        score = anatomy_agreement.score(Evidence(candidate, saw(candidate.masks)))
        assert score.value == 1
        assert set(score.detail["dice"]) == set(ANATOMY)

    def test_the_worse_lung_counts(self):
        candidate = make.candidate(0)
        seen = saw(candidate.masks)
        seen.anatomy[ANATOMY.index("left_lung")] = 0
        score = anatomy_agreement.score(Evidence(candidate, seen))
        assert score.value == 0
        assert score.reason.startswith("left lung")
        assert score.detail["dice"]["right_lung"] == 1

    def test_a_heart_that_is_missed_is_told_but_not_judged(self):
        candidate = make.candidate(0, "cardiomegaly")
        seen = saw(candidate.masks)
        seen.anatomy[ANATOMY.index("heart")] = 0
        score = anatomy_agreement.score(Evidence(candidate, seen))
        assert score.value == 1
        assert score.detail["dice"]["heart"] == 0

    @pytest.mark.parametrize(("finding", "same"), [("effusion", True), ("nodule", False)])
    def test_what_hides_the_lung_is_left_out_and_nothing_else(self, finding, same):
        base = make.disc(0.75, 0.28, 0.1, 0.15) & make.anatomy()[0]
        candidate = make.candidate(0, finding, lesions=(Lesion(finding, base),))
        seen = saw(candidate.masks)
        seen.anatomy[0][base] = 0.1  # the expert takes the white base of the lung for no lung
        assert (anatomy_agreement.score(Evidence(candidate, seen)).value == 1) is same

    def test_a_lung_that_is_hidden_almost_whole_is_judged_whole(self):
        lung = make.anatomy()[0]
        candidate = make.candidate(0, "effusion", lesions=(Lesion("effusion", lung),))
        seen = saw(candidate.masks)
        assert anatomy_agreement.score(Evidence(candidate, seen)).value == 1
        seen.anatomy[0] = 0
        assert anatomy_agreement.score(Evidence(candidate, seen)).value == 0

    def test_no_lung_to_compare_gives_no_score(self):
        assert math.isnan(anatomy_agreement.score(Evidence(make.candidate(0), Opinion())).value)

    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=25, deadline=None)
    def test_dice_is_symmetric_and_bounded(self, seed):
        generator = np.random.default_rng(seed)
        a, b = generator.random((2, 9, 9)) > generator.random((2, 1, 1))
        assert anatomy_agreement.dice(a, b) == anatomy_agreement.dice(b, a)
        assert 0 <= anatomy_agreement.dice(a, b) <= 1
        assert anatomy_agreement.dice(a, a) == 1


class TestFindingAgreement:
    def test_the_least_believed_claim_counts(self):
        opinion = Opinion(probabilities={"nodule": 0.8, "effusion": 0.1, "mass": 0.3})
        score = finding_agreement.score(Evidence(make.candidate(0, "nodule"), opinion))
        assert score.value == pytest.approx(0.7)
        assert score.detail["worst"] == "mass"
        assert score.reason == "mass is seen but was not prompted"

    def test_a_prompted_finding_that_is_not_seen_is_named(self):
        opinion = Opinion(probabilities={"nodule": 0.05, "mass": 0.3})
        score = finding_agreement.score(Evidence(make.candidate(0, "nodule"), opinion))
        assert (score.value, score.reason) == (0.05, "nodule is not seen")

    def test_of_what_was_not_understood_no_absence_is_claimed(self):
        opinion = Opinion(probabilities={"nodule": 0.8, "effusion": 0.9, "opacity": 0.9})
        for findings, expected in ((("nodule",), 0.8), ((), 1.0)):
            whole = make.candidate(0, *findings)
            part = replace(whole, case=replace(whole.case, complete=False))
            assert finding_agreement.score(Evidence(part, opinion)).value == pytest.approx(expected)
            assert finding_agreement.score(Evidence(whole, opinion)).value == pytest.approx(0.1)

    def test_unknown_findings_do_not_count(self):
        opinion = Opinion(probabilities={"nodule": 0.9})
        assert (
            finding_agreement.score(Evidence(make.candidate(0, "nodule", "fracture"), opinion)).value == 0.9
        )
        assert finding_agreement.score(Evidence(make.candidate(0, "fracture"), Opinion())).value == 1

    @pytest.mark.parametrize(
        ("findings", "expected"),
        [(("consolidation",), 0.2), ((), 0.8), (("nodule",), 1.0)],
    )
    def test_opacity_is_claimed_by_what_is_opaque_and_refused_by_the_normal(self, findings, expected):
        opinion = Opinion(probabilities={"opacity": 0.2})
        score = finding_agreement.score(Evidence(make.candidate(0, *findings), opinion))
        assert score.value == pytest.approx(expected)

    def test_what_the_expert_could_not_tell_on_real_films_decides_nothing_but_is_told(self):
        opinion = Opinion(probabilities={"nodule": 0.01, "mass": 0.2}, doubted=frozenset({"nodule"}))
        score = finding_agreement.score(Evidence(make.candidate(0, "nodule", "mass"), opinion))
        assert score.value == 0.2
        assert score.detail["probability"] == {"nodule": 0.01, "mass": 0.2}
        assert score.detail["doubted"] == ["nodule"]

    def test_nan_is_not_stepped_over(self):
        opinion = Opinion(probabilities={"nodule": 0.3, "mass": math.nan})
        score = finding_agreement.score(Evidence(make.candidate(0, "nodule"), opinion))
        assert math.isnan(score.value)
        json.dumps(score.detail, allow_nan=False)

    @given(
        st.dictionaries(st.sampled_from(FINDING_NAMES), st.floats(0, 1), min_size=1),
        st.sets(st.sampled_from(FINDING_NAMES), max_size=4),
    )
    def test_it_is_a_bound_on_every_claim(self, probabilities, prompted):
        candidate = make.candidate(0, *sorted(prompted))
        value = finding_agreement.score(Evidence(candidate, Opinion(probabilities=probabilities))).value
        for name, p in probabilities.items():
            assert value <= (p if name in prompted else 1 - p)


class TestLesionAgreement:
    spot = make.disc(0.45, 0.28, 0.08, 0.08)

    def candidate(self, finding="nodule", *masks):
        return make.candidate(0, finding, lesions=tuple(Lesion(finding, m) for m in masks or (self.spot,)))

    def seen(self, mask, finding="nodule", inside=0.9, outside=0.1):
        return Opinion(lesions={finding: np.where(mask, inside, outside).astype(np.float32)})

    def test_a_lesion_seen_at_its_place(self):
        score = lesion_agreement.score(Evidence(self.candidate(), self.seen(self.spot)))
        assert score.value == pytest.approx(0.8)

    def test_a_lesion_that_the_expert_could_not_tell_on_real_films_decides_nothing(self):
        unseen = replace(self.seen(np.zeros((SIZE, SIZE), bool)), doubted=frozenset({"nodule"}))
        assert lesion_agreement.score(Evidence(self.candidate(), unseen)).value == 1.0

    def test_a_map_that_no_outline_taught_decides_nothing(self):
        blind = replace(self.seen(np.zeros((SIZE, SIZE), bool)), unplaced=frozenset({"nodule"}))
        score = lesion_agreement.score(Evidence(self.candidate(), blind))
        assert (score.value, score.detail) == (1.0, {"lesions": []})

    def test_a_lesion_seen_elsewhere_or_nowhere(self):
        elsewhere = self.seen(make.disc(0.45, 0.74, 0.08, 0.08))
        assert lesion_agreement.score(Evidence(self.candidate(), elsewhere)).value < 0
        nowhere = self.seen(np.zeros((SIZE, SIZE), bool))
        score = lesion_agreement.score(Evidence(self.candidate(), nowhere))
        assert score.value == pytest.approx(0, abs=1e-6)
        assert score.reason == "nodule is not seen where its mask says"

    def test_the_worst_lesion_counts(self):
        other = make.disc(0.45, 0.74, 0.08, 0.08)
        score = lesion_agreement.score(
            Evidence(self.candidate("nodule", self.spot, other), self.seen(self.spot))
        )
        assert score.value == pytest.approx(0, abs=1e-6)
        assert len(score.detail["lesions"]) == 2

    def test_scattered_instances_are_judged_together(self):
        other = make.disc(0.45, 0.74, 0.08, 0.08)
        candidate = self.candidate("diffuse_nodule", self.spot, other)
        score = lesion_agreement.score(Evidence(candidate, self.seen(self.spot, "diffuse_nodule")))
        assert 0.3 < score.value < 0.5
        assert len(score.detail["lesions"]) == 1

    def test_no_lesion_or_none_that_is_known_passes_with_one(self):
        assert lesion_agreement.score(Evidence(make.candidate(0), self.seen(self.spot))).value == 1
        assert lesion_agreement.score(Evidence(self.candidate("mass"), self.seen(self.spot))).value == 1

    def test_a_lesion_that_fills_the_lungs_is_still_scored(self):
        everywhere = np.ones((SIZE, SIZE), bool)
        candidate = self.candidate("consolidation", everywhere)
        assert lesion_agreement.score(
            Evidence(candidate, self.seen(everywhere, "consolidation"))
        ).value == pytest.approx(0.9)

    def test_contrast_has_the_sign_of_the_lesion_on_film(self):
        image = np.full((SIZE, SIZE), 100, np.uint8)
        nothing = np.zeros_like(self.spot)
        brighter, darker = image.copy(), image.copy()
        brighter[self.spot], darker[self.spot] = 151, 49
        assert lesion_agreement.contrast(brighter, self.spot, nothing) == pytest.approx(0.2)
        assert lesion_agreement.contrast(darker, self.spot, nothing) == pytest.approx(-0.2)
        assert lesion_agreement.contrast(brighter, self.spot, ~self.spot) == 0
