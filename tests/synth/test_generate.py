"""Invariant 2 on the shipped models: a sample depends on its seed and key, not on its company."""

from dataclasses import replace

import numpy as np
import pytest

from synth.cases import Case, FindingRequest
from synth.errors import Interrupted
from synth.generate import Synthesizer
from synth.images.protocol import CutPrompts, case_noise
from synth.masks.anatomy import without_lesions
from synth.settings import SynthesisSettings

#: Grey levels of 255 by which batch sizes may differ, and the share of pixels that may.
LEVELS, SHARE = 2, 0.01

SETTINGS = SynthesisSettings(steps=3, batch_size=4)


@pytest.fixture(scope="module")
def maker() -> Synthesizer:
    return Synthesizer.load(SETTINGS)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    requests = [(FindingRequest("nodule", "left"),), (), (FindingRequest("effusion"),)]
    return [Case(f"{i:09d}", 7, f"Case {i}.", r) for i, r in enumerate(requests)]


@pytest.fixture(scope="module")
def images(maker, cases) -> np.ndarray:
    return maker.radiographs(cases, [maker.masks(c) for c in cases])


def test_images_are_grey_and_sized(images):
    assert images.shape == (3, 256, 256)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(3, -1), axis=0)) == 3


def test_bytes_repeat_whatever_stands_beside_a_sample(maker, cases, images):
    alone = maker.radiographs(cases[2:], [maker.masks(cases[2])])
    turned = maker.radiographs(cases[::-1], [maker.masks(c) for c in cases[::-1]])
    assert np.array_equal(alone[0], images[2])
    assert np.array_equal(turned[::-1], images)


def test_another_draw_has_the_same_masks_and_other_pixels_wherever_it_stands(maker, cases, images):
    masks = [maker.masks(c) for c in cases]
    again = replace(cases[1], draw=1)
    assert np.array_equal(maker.masks(again).anatomy, masks[1].anatomy)
    mixed = maker.radiographs([cases[0], again], masks[:2])
    assert np.array_equal(mixed[0], images[0])
    assert np.abs(mixed[1].astype(int) - images[1]).mean() > 1
    assert np.array_equal(maker.radiographs([again], masks[1:2])[0], mixed[1])


def test_another_batch_size_stays_within_the_tolerance(maker, cases, images):
    other = replace(maker, settings=replace(SETTINGS, batch_size=1))
    single = np.stack([other.radiographs([c], [maker.masks(c)])[0] for c in cases])
    difference = np.abs(single.astype(int) - images)
    assert difference.max() <= LEVELS
    assert (difference > 0).mean() <= SHARE


def test_noise_and_grain_are_drawn_apart(cases):
    noise, grain = (case_noise(cases[0], stage, (64,)) for stage in ("noise", "grain"))
    assert not np.array_equal(noise, grain)
    assert np.array_equal(grain, case_noise(cases[0], "grain", (64,)))


def test_masks_repeat_and_follow_the_key(maker, cases):
    a, b = (maker.masks(cases[0]) for _ in range(2))
    assert np.array_equal(a.anatomy, b.anatomy)
    assert np.array_equal(a.lesion_channels(), b.lesion_channels())
    assert not np.array_equal(a.anatomy, maker.masks(replace(cases[0], key="000000099")).anatomy)


def test_it_stops_between_steps(maker, cases):
    asked = iter([False, True])
    with pytest.raises(Interrupted):
        maker.radiographs(cases[:1], [maker.masks(cases[0])], should_stop=lambda: next(asked))


def test_prompts_that_are_cut_are_counted(maker, cases):
    long = replace(cases[1], prompt="No acute abnormality of heart or lungs. " * 9)
    once = replace(maker, settings=replace(SETTINGS, steps=1), cut=CutPrompts())
    for _ in range(2):
        once.radiographs([cases[0], long], [maker.masks(cases[0]), maker.masks(long)])
    assert (len(once.cut), once.length) == (1, 64)


def test_a_wrong_number_of_masks_is_told(maker, cases):
    with pytest.raises(ValueError, match="cases: 3 with 0 mask sets"):
        maker.radiographs(cases, [])


def test_the_lesion_mask_moves_the_change(maker):
    """The same noise with the lesion on the other side: the image changes most inside the masks."""
    case = Case("000000005", 3, "Moderate consolidation.", (FindingRequest("consolidation", "right"),))
    right = maker.masks(case)
    left = maker.masker.sample(
        [FindingRequest("consolidation", "left")], right.anatomy, np.random.default_rng(0)
    )
    eager = replace(maker, settings=replace(SETTINGS, steps=12))
    a, b = (eager.radiographs([case], [m])[0].astype(int) for m in (right, left))
    inside = (right.lesion_channels() | left.lesion_channels()).any(0)
    change = np.abs(a - b)
    assert change[inside].mean() > 1.5 * change[right.lungs & ~inside].mean()


def test_far_from_the_masks_one_step_is_that_of_a_body_without_lesions(maker):
    case = Case("000000006", 3, "Consolidation.", (FindingRequest("consolidation", "right"),))
    masks = maker.masks(case)
    once = replace(maker, settings=replace(SETTINGS, steps=1))
    a, b = (once.radiographs([case], [m])[0].astype(int) for m in (masks, replace(masks, lesions=())))
    inside = masks.lesion_channels().any(0)
    far = np.flatnonzero(inside.any(0))[-1] + 64
    assert far < 240
    assert np.array_equal(a[:, far:], b[:, far:])
    assert np.abs(a - b)[inside].mean() > 3


def test_far_from_an_enlarged_heart_one_step_is_that_of_a_normal_one(maker):
    case = Case("000000006", 3, "Cardiomegaly.", (FindingRequest("cardiomegaly", severity="severe"),))
    masks = maker.masks(case)
    once = replace(maker, settings=replace(SETTINGS, steps=1))
    a, b = (once.radiographs([case], [m])[0].astype(int) for m in (masks, without_lesions(masks)))
    heart = masks.anatomy[2]
    above = np.flatnonzero(heart.any(1))[0] - 64
    assert above > 20
    assert np.array_equal(a[:above], b[:above])
    assert np.abs(a - b)[heart].mean() > 3


def test_without_guidance_lesions_are_not_there_and_with_more_they_are_plainer(maker):
    case = Case("000000006", 3, "Consolidation.", (FindingRequest("consolidation", "right"),))
    masks = maker.masks(case)
    guided = [
        replace(maker, settings=replace(SETTINGS, lesion_guidance=g))
        .radiographs([case], [masks])[0]
        .astype(int)
        for g in (0.0, 1.0, 1.5)
    ]
    bare = maker.radiographs([case], [replace(masks, lesions=())])[0].astype(int)
    assert np.array_equal(guided[0], bare)
    inside = masks.lesion_channels().any(0)
    plain, plainer = (np.abs(g - bare)[inside].mean() for g in guided[1:])
    assert plainer > 1.2 * plain > 3
