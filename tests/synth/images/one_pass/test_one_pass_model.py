"""The one-pass model: invariant 2, lesions where their masks are, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from filters.experts.evaluators import load_lung_evaluator
from synth.cases import Case, FindingRequest
from synth.errors import Interrupted, WeightsError
from synth.findings import FINDING_NAMES
from synth.generate import Synthesizer
from synth.images.one_pass.model import SIMULATED, TWICE, UNLABELLED, OnePassModel, _cover, patient
from synth.images.one_pass.networks import PATIENT, ROUGH
from synth.images.protocol import case_noise
from synth.masks.anatomy import without_lesions
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED

SETTINGS = SynthesisSettings(steps=3, batch_size=4, fast=True)
#: Grey levels of 255 by which batch sizes may differ, and the share of pixels that may.
LEVELS, SHARE = 2, 0.01


@pytest.fixture(scope="module")
def maker() -> Synthesizer:
    return Synthesizer.load(SETTINGS)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    requests = [(FindingRequest("mass", "left"),), (), (FindingRequest("calcification", "right"),)]
    return [Case(f"{i:09d}", 7, f"Case {i}.", r, 60, "F", "PA") for i, r in enumerate(requests)]


@pytest.fixture(scope="module")
def images(maker, cases) -> np.ndarray:
    return maker.radiographs(cases, [maker.masks(c) for c in cases])


def test_bytes_repeat_whatever_stands_beside_a_sample(maker, cases, images):
    assert images.shape == (3, 256, 256)
    turned = maker.radiographs(cases[::-1], [maker.masks(c) for c in cases[::-1]])
    assert np.array_equal(turned[::-1], images)
    assert np.array_equal(maker.radiographs(cases[1:2], [maker.masks(cases[1])])[0], images[1])


def test_another_batch_size_stays_within_the_tolerance(maker, cases, images):
    other = replace(maker, settings=replace(SETTINGS, batch_size=1))
    single = np.stack([other.radiographs([c], [maker.masks(c)])[0] for c in cases])
    difference = np.abs(single.astype(int) - images)
    assert difference.max() <= LEVELS
    assert (difference > 0).mean() <= SHARE


def test_another_key_is_another_film_of_the_same_masks(maker, cases, images):
    masks = maker.masks(cases[1])
    other = maker.radiographs([replace(cases[1], key="000000099")], [masks])[0]
    assert np.abs(other.astype(int) - images[1]).mean() > 2


def test_steps_of_rough_films_are_of_second_order(maker, cases):
    """Twice as many leave less than half of what is missing; as many as are usual leave little."""
    masks = torch.from_numpy(np.stack([_cover(maker.masks(case)) for case in cases]))
    who = torch.from_numpy(np.stack([patient(case) for case in cases]))
    noise = torch.stack([case_noise(case, "rough", (1, ROUGH, ROUGH)) for case in cases])

    def film(steps: int) -> torch.Tensor:
        with torch.inference_mode():
            return maker.imager._rough_film(masks, who, noise, replace(SETTINGS, steps=steps), None)

    exact = film(72)
    few, usual = (float((film(n) - exact).square().mean().sqrt()) for n in (3, 6))
    assert usual < 0.45 * few
    assert usual < 0.03


def test_lungs_lie_where_their_masks_are(maker, cases, images):
    evaluator = load_lung_evaluator()
    for image, case in zip(images, cases, strict=True):
        lungs = maker.masks(case).lungs
        (opinion,) = evaluator.look(image[None])
        found = (opinion.anatomy[:2] > 0.5).any(0)
        assert 2 * (found & lungs).sum() / (found.sum() + lungs.sum()) > 0.85


def with_and_without(maker: Synthesizer, name: str, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two films of one case, as int: with a finding and without it; and where its mask is."""
    case = Case(key, 3, "A case.", (FindingRequest(name),), 60, "M", "PA")
    masks = maker.masks(case)
    pair = (case, masks), (replace(case, findings=()), without_lesions(masks))
    ill, well = (maker.radiographs([c], [m])[0].astype(int) for c, m in pair)
    return ill, well, masks.lesion_channels().any(0)


@pytest.mark.parametrize(
    ("name", "times"),
    [("mass", 2), ("nodule", 10), ("fibrosis", 5), ("calcification", 10), ("effusion", 1.5)],
)
def test_a_lesion_changes_the_film_where_its_mask_is_most(maker, name, times):
    ill, well, lesions = with_and_without(maker, name, "000000005")
    change = np.abs(ill - well)
    assert change[lesions].mean() > times * change[~lesions].mean()


def test_what_is_simulated_is_not_asked_of_the_networks():
    case = Case("1", 0, "x", tuple(FindingRequest(n) for n in FINDING_NAMES), 40, "F", "PA")
    told = patient(case)
    assert told.shape == (PATIENT,)
    there, known = told[:13].astype(bool), told[13:26].astype(bool)
    names = {n for n, t in zip(FINDING_NAMES, there, strict=True) if t}
    assert names == set(FINDING_NAMES) - set(SIMULATED) | set(TWICE)
    assert {n for n, k in zip(FINDING_NAMES, known, strict=True) if not k} == set(UNLABELLED)
    assert told[26:].tolist() == pytest.approx([0.4, 1, 1, 1])


@pytest.mark.parametrize(("name", "sign"), [("nodule", 1), ("emphysema", -1), ("pneumothorax", -1)])
def test_a_simulated_lesion_has_the_sign_of_the_real_one(maker, name, sign):
    for key in range(4):
        ill, well, lesions = with_and_without(maker, name, f"{key:09d}")
        assert sign * (ill[lesions].mean() - well[lesions].mean()) > 1


def test_a_finding_is_simulated_alike_whatever_else_is(maker):
    nodule, grain = FindingRequest("nodule", "left"), FindingRequest("calcification", "right")
    case = Case("000000005", 3, "A case.", (nodule, grain), 60, "M", "PA")
    masks = maker.masks(case)
    fewer = replace(masks, lesions=tuple(x for x in masks.lesions if x.finding == "nodule"))
    both, one = (maker.radiographs([case], [m])[0] for m in (masks, fewer))
    near = fewer.lesion_channels().any(0)
    assert np.array_equal(both[near], one[near])


def test_what_a_prompt_leaves_open_is_drawn_for_its_case():
    open_case = Case("1", 0, "x")
    assert np.array_equal(patient(open_case), patient(open_case))
    drawn = np.stack([patient(replace(open_case, key=str(k)))[26:29] for k in range(200)])
    assert 0.4 < drawn[:, 0].mean() < 0.6
    assert set(drawn[:, 1]) == set(drawn[:, 2]) == {0.0, 1.0}


def test_guidance_of_lesions_is_stronger_and_one_is_none(maker):
    case = Case("000000005", 3, "A case.", (FindingRequest("consolidation"),), 60, "M", "PA")
    masks = maker.masks(case)

    def drawn(scale: float) -> np.ndarray:
        other = replace(maker, settings=replace(SETTINGS, lesion_guidance=scale))
        return other.radiographs([case], [masks])[0].astype(float)

    lesions = masks.lesion_channels().any(0)
    assert drawn(2.5)[lesions].mean() > drawn(1)[lesions].mean() + 1


def test_it_stops_between_steps(maker, cases):
    asked = iter([False, True])
    with pytest.raises(Interrupted):
        maker.radiographs(cases[:1], [maker.masks(cases[0])], should_stop=lambda: next(asked))


def test_words_that_were_not_understood_are_counted(maker, cases):
    assert not maker.imager.cuts(cases[0])
    assert maker.imager.cuts(replace(cases[0], unparsed=("a swallowed coin",)))


def test_films_are_no_larger_than_it_learned_and_smaller_ones_are_means(maker, cases):
    with pytest.raises(WeightsError, match=r"images\.size: 544, expected at most 512"):
        Synthesizer.load(replace(SETTINGS, size=544))
    small = Synthesizer.load(replace(SETTINGS, size=128))
    (image,) = small.radiographs([cases[1]], [small.masks(cases[1])])
    assert image.shape == (128, 128)


def test_a_fine_film_is_the_same_film_with_finer_detail(maker, cases, images):
    fine = Synthesizer.load(replace(SETTINGS, size=512))
    made = fine.radiographs(cases, [fine.masks(c) for c in cases])
    assert made.shape == (3, 512, 512)
    small = made.reshape(3, 256, 2, 256, 2).mean((2, 4))
    assert np.abs(small - images).mean() < 4
    again = small.repeat(2, 1).repeat(2, 2)
    assert 0.5 < np.abs(made - again).mean() < 8


def test_between_two_sizes_a_film_is_a_mean_of_the_finer_one(cases):
    maker = Synthesizer.load(replace(SETTINGS, size=384))
    (image,) = maker.radiographs([cases[1]], [maker.masks(cases[1])])
    assert image.shape == (384, 384)


def test_weights_that_are_not_numbers_are_told(cases):
    model = OnePassModel.load(SHIPPED / "one_pass")
    torch.nn.init.constant_(model.film.grey256.bias, float("nan"))
    masks = Synthesizer.load(SETTINGS).masks(cases[0])
    with pytest.raises(WeightsError, match="not finite"):
        model.draw(cases[:1], [masks], SETTINGS)
