"""Nothing that is no number becomes a pixel, in any imager."""

import numpy as np
import pytest
import torch
from bodies import schematic_body
from diffusers import FlowMatchEulerDiscreteScheduler
from small_bases import latents, small_base
from small_pipelines import small_settings

from synth.cases import Case, MaskSet
from synth.generate import Synthesizer
from synth.images.finite import NotFiniteError, check_finite, to_pixels
from synth.images.model import ImageModel
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED

BROKEN = (float("nan"), float("inf"), -float("inf"))


def break_network(network, value):
    """One weight of the last layer, so that all that is made is touched."""
    with torch.no_grad():
        list(network.parameters())[-1].flatten()[0] = value


def test_numbers_become_the_pixels_that_they_did():
    values = torch.linspace(-1.5, 1.5, 301)
    wanted = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    assert np.array_equal(to_pixels(values), wanted)
    assert check_finite(values, "latents") is values


@pytest.mark.parametrize("value", BROKEN)
def test_what_is_no_number_is_told(value):
    values = torch.zeros(2, 8, 8)
    values[1, 2, 3] = value
    with pytest.raises(
        NotFiniteError, match=r"image model: 1 of 128 values of its images are not finite, exp"
    ):
        to_pixels(values)


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("part", ["unet", "codec"])
def test_our_model_paints_no_black_hole(part, value):
    model = ImageModel.load(SHIPPED / "images")
    break_network(getattr(model, part), value)
    case, masks = Case("0", 1, "Effusion."), MaskSet(schematic_body(64))
    settings = SynthesisSettings(size=64, steps=1, batch_size=1)
    with pytest.raises(NotFiniteError, match="not finite"):
        model.draw([case], [masks], settings)


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("kind", ["controlnet", "plain"])
def test_other_peoples_bases_paint_none(checkpoints, kind, part, value):
    maker = Synthesizer.load(small_settings(checkpoints[kind], batch_size=1, steps=1))
    base = maker.imager.base
    network = base.unet if part == "unet" else _closed_over(base, part)
    break_network(network, value)
    case = Case("0", 1, "Effusion.")
    with pytest.raises(NotFiniteError, match="not finite"):
        maker.radiographs([case], [MaskSet(schematic_body(64))])


def _closed_over(base, part):
    """A network that the base's functions hold."""
    function, name = (base.decode, "vae") if part == "vae" else (base.embed, "pipeline")
    held = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))[name].cell_contents
    return held if part == "vae" else held.text_encoder


def test_latents_of_a_base_are_asked_before_they_are_cut_off():
    base = small_base(FlowMatchEulerDiscreteScheduler())
    broken = latents()
    broken[0, 0, 0, 0] = float("inf")
    with pytest.raises(NotFiniteError, match="of its latents are not finite"):
        base.grey(broken)
