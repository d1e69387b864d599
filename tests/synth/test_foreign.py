"""Other people's checkpoints: every way of drawing is seeded by the sample, obeys its masks, and stops."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from small_pipelines import change_json, save_pipeline

from synth.cases import Case, FindingRequest, Lesion, MaskSet
from synth.denoisers import FrozenDenoiser, Text
from synth.findings import ANATOMY, FINDING_NAMES
from synth.foreign import ControllerImager, ControlNetImager, _controls, lesion_prompt
from synth.generate import Stopped, Synthesizer
from synth.reports import parse
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED, WeightsError

#: Grey levels of 255 by which batch sizes may differ.
LEVELS = 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        kind: save_pipeline(root / kind, controlnet=kind == "controlnet") for kind in ("controlnet", "xreal")
    }


def settings_of(folder, **changes):
    return replace(SynthesisSettings(images=folder, size=64, steps=3, guidance=4.0, batch_size=4), **changes)


@pytest.fixture(scope="module", params=["controlnet", "xreal"])
def maker(request, folders):
    return Synthesizer.load(settings_of(folders[request.param]))


@pytest.fixture(scope="module")
def cases():
    requests = [
        (FindingRequest("consolidation", "right"), FindingRequest("nodule", "left")),
        (),
        (FindingRequest("effusion", severity="severe"),),
    ]
    return [Case(f"{i:09d}", 7, f"Case {i}.", r) for i, r in enumerate(requests)]


@pytest.fixture(scope="module")
def images(maker, cases):
    return maker.radiographs(cases, [maker.masks(c) for c in cases])


def test_which_way_is_the_folders(folders):
    kinds = {kind: type(Synthesizer.load(settings_of(f)).imager) for kind, f in folders.items()}
    assert kinds == {"controlnet": ControlNetImager, "xreal": ControllerImager}
    outside = settings_of(folders["xreal"], controlnet=folders["controlnet"] / "controlnet")
    assert isinstance(Synthesizer.load(outside).imager, ControlNetImager)


def test_images_are_grey_and_sized_and_differ(maker, cases, images):
    assert images.shape == (3, 64, 64)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(3, -1), axis=0)) == 3
    large = replace(maker, settings=replace(maker.settings, size=96, batch_size=1))
    assert large.radiographs(cases[:1], [large.masks(cases[0])]).shape == (1, 96, 96)


def test_bytes_repeat_whatever_stands_beside_a_sample(maker, cases, images):
    masks = [maker.masks(c) for c in cases]
    alone = maker.radiographs(cases[2:], masks[2:])
    turned = maker.radiographs(cases[::-1], masks[::-1])
    assert np.array_equal(alone[0], images[2])
    assert np.array_equal(turned[::-1], images)
    assert np.array_equal(maker.radiographs(cases, masks), images)


def test_another_batch_size_stays_within_the_tolerance(maker, cases, images):
    other = replace(maker, settings=replace(maker.settings, batch_size=1))
    single = np.stack([other.radiographs([c], [maker.masks(c)])[0] for c in cases])
    assert np.abs(single.astype(int) - images).max() <= LEVELS


def test_another_key_or_seed_is_another_image(maker, cases, images):
    masks = maker.masks(cases[1])
    for other in (replace(cases[1], key="000000099"), replace(cases[1], seed=8)):
        assert not np.array_equal(maker.radiographs([other], [masks])[0], images[1])


def test_anatomy_and_lesions_are_told(maker, cases):
    masks = maker.masks(cases[2])
    drawn = maker.radiographs(cases[2:], [masks])[0].astype(int)
    without = maker.radiographs(cases[2:], [replace(masks, lesions=())])[0]
    moved = maker.radiographs(cases[2:], [replace(masks, anatomy=masks.anatomy[..., ::-1].copy())])[0]
    assert np.abs(drawn - without).mean() > 0
    assert np.abs(drawn - moved).mean() > 0


def test_guidance_follows_the_prompt(maker, cases):
    masks = maker.masks(cases[2])

    def draw(prompt, **changes):
        case = replace(cases[2], prompt=prompt)
        eager = replace(maker, settings=replace(maker.settings, **changes))
        return eager.radiographs([case], [masks])[0]

    assert not np.array_equal(draw("nodule"), draw("effusion"))
    assert not np.array_equal(draw("nodule"), draw("nodule", guidance=9.0))


def test_it_stops_between_steps(maker, cases):
    asked = count()
    with pytest.raises(Stopped):
        maker.radiographs(cases[:1], [maker.masks(cases[0])], should_stop=lambda: next(asked) == 2)
    assert next(asked) == 3, "not asked again"
    assert maker.imager.base.should_stop is None, "another thread's batch goes on"


def test_prompts_that_are_cut_are_counted_once(maker, cases):
    fresh = replace(maker, cut=type(maker.cut)())
    long = replace(cases[2], prompt=" ".join("effusion" for _ in range(40)))
    fits = replace(cases[2], key="000000008", prompt="x " * 75)
    just = replace(cases[2], key="000000009", prompt="x " * 76)
    masks = fresh.masks(long)
    for case in (long, long, fits, just):
        fresh.radiographs([case], [masks])
    assert len(fresh.cut) == 2
    assert fresh.length == 77


def test_what_a_cut_prompt_ends_in_changes_nothing(maker, cases):
    masks = maker.masks(cases[2])
    texts = ["effusion " * 80 + end for end in ("", "nodule")]
    one, two = (maker.radiographs([replace(cases[2], prompt=t)], [masks])[0] for t in texts)
    assert np.array_equal(one, two)


def test_a_controlnet_is_told_anatomy_then_lesions(folders):
    base = Synthesizer.load(settings_of(folders["controlnet"])).imager.base
    anatomy, lesion = np.zeros((len(ANATOMY), 64, 64), bool), np.zeros((64, 64), bool)
    anatomy[3, 8:16], lesion[40:50] = True, True
    told = _controls([MaskSet(anatomy, (Lesion("mass", lesion),))], base)[0]
    assert told.shape == (18, 64, 64)
    assert torch.equal(told[3], torch.from_numpy(anatomy[3]).float())
    at = len(ANATOMY) + FINDING_NAMES.index("mass")
    assert torch.equal(told[at], torch.from_numpy(lesion).float())
    assert told.sum() == told[3].sum() + told[at].sum()


def test_a_controlled_pass_is_that_of_diffusers_pipeline(folders, cases):
    """The same prediction as ControlNet and UNet give when asked as diffusers' pipeline asks them."""
    maker = Synthesizer.load(settings_of(folders["controlnet"]))
    imager, masks = maker.imager, [maker.masks(c) for c in cases[:2]]
    seen = {}

    class Spy(FrozenDenoiser):
        def predict(self, z, level, text):
            out = super().predict(z, level, text)
            seen.setdefault("first", (z, level, text, out))
            return out

    base = imager.base
    spy = Spy(**{name: getattr(base, name) for name in base.__dataclass_fields__})
    imager.latents(spy, cases[:2], masks, maker.settings)
    z, level, text, (clean, _) = seen["first"]
    controls, states = _controls(masks, base).repeat(2, 1, 1, 1), text.states.flatten(0, 1)
    with torch.inference_mode():
        down, mid = imager.controlnet(
            torch.cat([z] * 2), int(level.time), states, controls, return_dict=False
        )
        said = base.unet(
            torch.cat([z] * 2),
            int(level.time),
            states,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
        ).sample
    free, asked = said.chunk(2)
    expected, _ = base.schedule.parts(z, free + 4.0 * (asked - free), level)
    assert torch.allclose(clean, expected, atol=1e-4)
    bare, _ = base.predict(z, level, Text(text.states, 4.0))
    assert not torch.allclose(clean, bare, atol=1e-3), "the ControlNet has its say"


def test_the_rough_latent_is_our_average_body_through_the_bases_vae(folders, cases):
    maker = Synthesizer.load(settings_of(folders["xreal"]))
    rough, masks = maker.imager.rough, maker.masks(cases[0])
    asked = []
    rough = replace(rough, base=replace(rough.base, encode=lambda x: asked.append(x) or x[:, :1, ::8, ::8]))
    latents = rough.draw(torch.from_numpy(masks.anatomy)[None].float(), 8)
    (image,) = asked
    assert image.shape == (1, 3, 64, 64)
    assert latents.shape == (1, 1, 8, 8)
    assert torch.equal(image[:, 0], image[:, 2]), "grey"
    lungs, heart = (torch.from_numpy(m) for m in (masks.lungs & ~masks.anatomy[2], masks.anatomy[2]))
    assert image[0, 0][lungs].mean() < image[0, 0][heart].mean() - 0.2, "lungs are dark, the heart is not"


def test_each_finding_has_a_prompt_of_its_own():
    requests = (FindingRequest("mass", "left", "upper"), FindingRequest("effusion", "right"))
    case = Case("000000001", 3, "Left upper mass, right effusion.", requests, 63, "F", "PA")
    prompts = [lesion_prompt(case, r.name) for r in requests]
    assert [parse(p).findings for p in prompts] == [(r,) for r in requests]
    assert prompts == [lesion_prompt(case, r.name) for r in requests]
    alone = replace(case, findings=requests[:1], prompt="A text of one's own.")
    assert lesion_prompt(alone, "mass") == "A text of one's own."
    assert parse(lesion_prompt(alone, "nodule")).findings[0].name == "nodule"


def test_what_went_in_is_digested(folders):
    one = Synthesizer.load(settings_of(folders["controlnet"])).digests
    two = Synthesizer.load(settings_of(folders["xreal"])).digests
    assert "images/unet/diffusion_pytorch_model.safetensors" in one
    assert "controlnet/diffusion_pytorch_model.safetensors" in one
    assert {"rough_latents/model.safetensors", "codec/config.json"} <= set(two)
    assert not any(name.startswith("controlnet/") for name in two)
    assert "rough_latents/model.safetensors" not in one
    assert {"anatomy/model.safetensors", "masks/model.safetensors"} <= set(one) & set(two)


def test_what_cannot_be_sampled_is_told_when_it_is_loaded(folders, tmp_path):
    def refused(match, folder=folders["xreal"], **changes):
        with pytest.raises(WeightsError, match=match) as told:
            Synthesizer.load(settings_of(folder, **changes))
        assert "\n" not in str(told.value)

    refused("images.size: 72, expected a multiple of 16", size=72)
    refused("images.steps: 900, .*expected 1 to 1000", steps=900)
    inside = folders["controlnet"] / "controlnet"
    refused("images.controlnet: .*expected none with .*images", folder=SHIPPED / "images", controlnet=inside)
    other = save_pipeline(tmp_path / "other")
    change_json(other / "scheduler" / "scheduler_config.json", prediction_type="sample")
    refused("images.checkpoint: .*prediction_type 'sample', expected", folder=other)
    refused("images.size: 72, expected a multiple of 32", folder=SHIPPED / "images", size=72)


def test_bf16_stays_near_fp32(folders, cases):
    pair = [
        Synthesizer.load(settings_of(folders["controlnet"], precision=p, batch_size=1))
        for p in ("fp32", "bf16")
    ]
    masks = pair[0].masks(cases[0])
    one, two = (m.radiographs(cases[:1], [masks])[0].astype(int) for m in pair)
    assert 0 < np.abs(one - two).mean() < 8
