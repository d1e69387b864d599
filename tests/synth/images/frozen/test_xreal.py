"""The controllers on the shipped base: what is kept is kept exactly, and a sample is its seed's alone."""

from dataclasses import replace

import pytest
import torch
from bodies import schematic_body
from diffusers import DDIMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bases import STABLE, small_base

from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.blending import NoiseStreams, mix_noise, touched
from synth.images.frozen.control_presets import HINTED, OURS, PAPER, Stage
from synth.images.frozen.rough_latents import RoughLatents
from synth.images.frozen.xreal import (
    channels_of,
    control,
    control_anatomy,
    control_pathology,
    label_map,
    lesion_hints,
)
from synth.images.model import ImageModel
from synth.weights import SHIPPED

SIDE = 16
#: Ours in few steps, and the paper's way in few steps.
QUICK = replace(OURS, anatomy=Stage(4, kept=0.5), pathology=replace(OURS.pathology, steps=4))
PAPERS_WAY = replace(PAPER, anatomy=Stage(4, kept=0.5), pathology=replace(PAPER.pathology, steps=4))
#: How far a sample may differ alone and in a batch, of latents about 1 in size: convolutions add up in
#: another order.
TOLERANCE = 2e-3


@pytest.fixture(scope="module")
def rough() -> RoughLatents:
    return RoughLatents.load()


@pytest.fixture(scope="module")
def model() -> ImageModel:
    return ImageModel.load(SHIPPED / "images")


@pytest.fixture
def base(model) -> FrozenDenoiser:
    return FrozenDenoiser.of_model(model)


def bodies(count: int) -> torch.Tensor:
    return torch.from_numpy(schematic_body())[None].repeat(count, 1, 1, 1)


def two_lesions(count: int) -> torch.Tensor:
    masks = torch.zeros(count, 2, 128, 128)
    masks[:, 0, 80:104, 24:48] = 1  # cells 10 to 12 by 3 to 5
    masks[:, 1, 24:40, 88:104] = 1
    return masks


def sources(count: int) -> torch.Tensor:
    return torch.randn(count, 8, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


TEXTS = [["Right effusion.", "Left nodule."]] * 3


@pytest.mark.parametrize("preset", [QUICK, PAPERS_WAY], ids=["ours", "paper"])
def test_outside_the_masks_the_source_is_kept_bit_for_bit(base, preset):
    preset = replace(preset, through_pixels=False)
    source, lesions = sources(2), two_lesions(2)
    result = control_pathology(base, source, lesions, TEXTS[:2], [1, 2], preset)
    inside = touched(lesions, SIDE, preset.soft).amax(1, keepdim=True) > 0
    outside = ~inside.expand_as(source)
    assert torch.equal(result[outside], source[outside])
    assert (result[~outside] != source[~outside]).float().mean() > 0.99


def test_through_pixels_the_source_is_what_its_image_encodes_to(base):
    source, lesions = sources(1), two_lesions(1)[:, :1]
    result = control_pathology(base, source, lesions, [["Right effusion."]], [1], PAPERS_WAY)
    with torch.inference_mode():
        again = base.encode(base.decode(source).clamp(-1, 1))
    assert torch.equal(result[..., :8, :], again[..., :8, :])


@pytest.mark.parametrize("preset", [QUICK, PAPERS_WAY], ids=["ours", "paper"])
def test_a_sample_is_the_same_alone_and_in_a_batch(base, rough, preset):
    lesions, seeds = two_lesions(3), [5, 6, 7]
    lesions[1] = lesions[1].flip(-1)
    together = control(base, rough, bodies(3), lesions, TEXTS, SIDE, seeds, preset)
    again = control(base, rough, bodies(3), lesions, TEXTS, SIDE, seeds, preset)
    alone = control(base, rough, bodies(1), lesions[1:2], TEXTS[:1], SIDE, [6], preset)
    assert torch.equal(together, again)
    assert (together[1:2] - alone).abs().max() < TOLERANCE
    assert (together[0] - together[2]).abs().max() > 0.1, "another seed is another body"


def test_passes_are_counted_and_ours_are_a_fifth_of_the_papers(base, rough):
    for lesions in (1, 2, 3):
        assert OURS.passes(lesions) <= PAPER.passes(lesions) / 5
    assert PAPER.passes(1) == 300
    for preset in (QUICK, PAPERS_WAY):
        before = base.passes
        control(base, rough, bodies(2), two_lesions(2), TEXTS[:2], SIDE, [1, 2], preset)
        assert base.passes - before == 2 * preset.passes(2)


def test_nothing_asked_for_leaves_the_source(base):
    source, empty = sources(2), torch.zeros(2, 1, 64, 64)
    assert torch.equal(control_pathology(base, source, empty, [["Mass."]] * 2, [1, 2], QUICK), source)
    assert torch.equal(control_pathology(base, source, empty[:, :0], [[], []], [1, 2], QUICK), source)


def test_an_empty_mask_beside_a_lesion_changes_nothing(base):
    source, masks = sources(1), two_lesions(1)
    one = control_pathology(base, source, masks[:, :1], [["Right effusion."]], [1], QUICK)
    masks[:, 1] = 0
    two = control_pathology(base, source, masks, [["Right effusion.", "Left nodule."]], [1], QUICK)
    assert (one - two).abs().max() < TOLERANCE


def test_where_lesions_meet_guidance_does_not_add_up(base):
    source, mask = sources(1), two_lesions(1)[:, :1]
    one = control_pathology(base, source, mask, [["Right effusion."]], [1], QUICK)
    twice = control_pathology(base, source, mask.repeat(1, 2, 1, 1), [["Right effusion."] * 2], [1], QUICK)
    assert (one - twice).abs().max() < TOLERANCE


def test_masks_may_have_any_resolution(base, rough):
    masks = bodies(1).float()
    large = masks.repeat_interleave(2, 2).repeat_interleave(2, 3)
    one, two = (control_anatomy(base, rough, m, SIDE, [3], QUICK) for m in (masks, large))
    assert (one - two).abs().max() < TOLERANCE


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("preset", [QUICK, PAPERS_WAY], ids=["ours", "paper"])
def test_stable_diffusions_schedules_are_controlled_too(prediction, preset):
    torch.manual_seed(0)
    preset = replace(preset, through_pixels=False)
    base, rough = small_base(DDIMScheduler(**STABLE, prediction_type=prediction)), RoughLatents(4).eval()
    lesions, seeds = two_lesions(2), [1, 2]
    body = control_anatomy(base, rough, bodies(2), SIDE, seeds, preset)
    ill = control_pathology(base, body, lesions, TEXTS[:2], seeds, preset)
    inside = touched(lesions, SIDE, preset.soft).amax(1, keepdim=True) > 0
    assert torch.equal(torch.where(inside, body, ill), body)
    assert ill.isfinite().all()
    assert base.passes == 2 * preset.passes(2)


def test_organs_lie_where_they_were_asked_for(base, rough):
    """Lungs are dark and the heart is not, in full steps at the size that the base was trained at."""
    body = bodies(1)
    latents = control_anatomy(base, rough, body, 32, [2], OURS)
    with torch.inference_mode():
        image = base.decode(latents)[0, 0]
    masks = torch.nn.functional.interpolate(body.float(), size=image.shape)[0] > 0.5
    lungs = (masks[0] | masks[1]) & ~masks[2]
    assert image[lungs].mean() < image[masks[2]].mean() - 0.2


@settings(deadline=None, max_examples=30)
@given(weight=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_mixing_independent_noise_preserves_its_variance(weight, seed):
    streams = NoiseStreams([seed], "test")
    one, two = streams.normal((8, 64, 64)), streams.normal((8, 64, 64))
    mixed = mix_noise(one, two, torch.full((1, 1, 1, 1), weight))
    assert float(mixed.var()) == pytest.approx(1, abs=0.05)
    plain = mix_noise(one, two, torch.full((1, 1, 1, 1), weight), preserve=False)
    assert float(plain.var()) == pytest.approx(weight**2 + (1 - weight) ** 2, abs=0.05)


def test_noise_is_each_samples_own():
    three, one = NoiseStreams([1, 2, 3], "a").normal((4, 4)), NoiseStreams([2], "a").normal((4, 4))
    assert torch.equal(three[1:2], one)
    assert not torch.equal(one, NoiseStreams([2], "b").normal((4, 4)))


def test_soft_edges_fall_off_in_one_cell():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 26, 26] = 1  # a pixel of the cell (3, 3)
    hard, soft = touched(mask, 8, False)[0, 0], touched(mask, 8, True)[0, 0]
    assert hard.sum() == hard[3, 3] == soft[3, 3] == 1
    assert (soft[2:5, 2:5] > 0).all()
    assert (soft > 0).sum() == 9


def test_the_label_map_has_five_values_and_says_where_organs_lie():
    body = bodies(2)
    labels = label_map(body)
    assert labels.unique().tolist() == [0, 1, 2, 3, 4]
    planes = channels_of(labels)
    assert torch.equal(planes.amax(1) > 0, body.any(1))
    assert (planes.sum(1) <= 1).all()
    assert torch.equal(planes[:, 3:] > 0, body[:, 3:])


@pytest.mark.parametrize("preset", [QUICK, PAPERS_WAY], ids=["ours", "paper"])
def test_hints_change_what_lies_inside_and_nothing_else(base, preset):
    preset = replace(preset, through_pixels=False)
    source, lesions, seeds = sources(2), two_lesions(2), [1, 2]
    hints = lesion_hints(lesions, [["effusion", "nodule"]] * 2, SIDE)
    assert hints.shape == (3, 2, base.spare, SIDE, SIDE)
    assert hints[0, :, -1].min() == hints.amax() == 1
    assert hints[:, :, :6].max() == 0, "the body is not told"
    told = control_pathology(base, source, lesions, TEXTS[:2], seeds, preset, hints)
    untold = control_pathology(base, source, lesions, TEXTS[:2], seeds, preset)
    outside = (touched(lesions, SIDE, preset.soft).amax(1, keepdim=True) == 0).expand_as(source)
    assert torch.equal(told[outside], source[outside])
    assert (told - untold)[~outside].abs().mean() > 0.05


def test_a_hinted_mass_is_bright(base, rough):
    """What the base knows as a mass comes to lie in the lung, inside its mask."""
    lesions = torch.zeros(1, 1, 128, 128)
    lesions[..., 48:64, 32:48] = 1
    body = control_anatomy(base, rough, bodies(1), 32, [2], OURS)
    hints = lesion_hints(lesions, [["mass"]], 32)
    ill = control_pathology(base, body, lesions, [["Right lung mass."]], [2], HINTED, hints)
    with torch.inference_mode():
        change = (base.decode(ill) - base.decode(body))[0, 0]
    inside = torch.nn.functional.interpolate(lesions, size=change.shape)[0, 0] > 0
    assert change[inside].mean() > 0.1
    assert change[inside].abs().mean() > 6 * change[~inside].abs().mean()


def test_bad_masks_are_told_in_one_line(base, rough):
    source, one = sources(1), [["Mass."]]
    wrong = (
        (lambda: control_anatomy(base, rough, bodies(2), SIDE, [1]), "anatomy"),
        (lambda: control_anatomy(base, rough, bodies(0), SIDE, []), "anatomy"),
        (lambda: control_anatomy(base, rough, bodies(1)[:, :4], SIDE, [1]), "anatomy"),
        (lambda: control_anatomy(base, rough, bodies(1)[..., :100], SIDE, [1]), "anatomy"),
        (lambda: control_anatomy(base, rough, 255.0 * bodies(1), SIDE, [1]), "anatomy"),
        (lambda: control_pathology(base, source, torch.full((1, 1, 8, 8), torch.nan), one, [1]), "lesions"),
        (lambda: control_pathology(base, source, two_lesions(1), one, [1]), "lesions"),
        (lambda: control_pathology(base, source, two_lesions(1)[:, :1], one * 2, [1]), "prompts"),
        (lambda: control_pathology(base, source[:, :4], two_lesions(1)[:, :1], one, [1]), "source"),
        (lambda: lesion_hints(two_lesions(1), [["rickets", "mass"]], SIDE), "finding"),
        (
            lambda: control_pathology(
                base, source, two_lesions(1)[:, :1], one, [1], OURS, torch.zeros(1, 1, 24, SIDE, SIDE)
            ),
            "hints",
        ),
        (lambda: control_anatomy(base, RoughLatents(4), bodies(1), SIDE, [1]), "rough latents"),
    )
    for call, field in wrong:
        with pytest.raises(ValueError, match=rf"^{field}: .*expected.*$") as told:
            call()
        assert "\n" not in str(told.value)
    assert base.passes == 0, "told before any work"
