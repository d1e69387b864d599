"""What a ControlNet is told, and what a pass with one predicts."""

import numpy as np
import torch
from small_pipelines import small_settings

from synth.cases import Case, FindingRequest, Lesion, MaskSet
from synth.controlnet import mask_channels
from synth.denoisers import FrozenDenoiser, Text
from synth.findings import ANATOMY, FINDING_NAMES
from synth.generate import Synthesizer

CASES = [
    Case("000000000", 7, "Right consolidation.", (FindingRequest("consolidation", "right"),)),
    Case("000000001", 7, "Normal chest."),
]


def test_a_controlnet_is_told_anatomy_then_lesions():
    anatomy, lesion = np.zeros((len(ANATOMY), 64, 64), bool), np.zeros((64, 64), bool)
    anatomy[3, 8:16], lesion[40:50] = True, True
    told = mask_channels([MaskSet(anatomy, (Lesion("mass", lesion),))])[0]
    assert told.shape == (18, 64, 64)
    assert torch.equal(told[3], torch.from_numpy(anatomy[3]).float())
    at = len(ANATOMY) + FINDING_NAMES.index("mass")
    assert torch.equal(told[at], torch.from_numpy(lesion).float())
    assert told.sum() == told[3].sum() + told[at].sum()


def test_a_controlled_pass_is_that_of_diffusers_pipeline(checkpoints):
    """The same prediction as ControlNet and UNet give when asked as diffusers' pipeline asks them."""
    maker = Synthesizer.load(small_settings(checkpoints["controlnet"]))
    imager, masks = maker.imager, [maker.masks(c) for c in CASES]
    seen = {}

    class Spy(FrozenDenoiser):
        def predict(self, z, level, text):
            out = super().predict(z, level, text)
            seen.setdefault("first", (z, level, text, out))
            return out

    base = imager.base
    spy = Spy(**{name: getattr(base, name) for name in base.__dataclass_fields__})
    imager.latents(spy, CASES, masks, maker.settings)
    z, level, text, (clean, _) = seen["first"]
    controls, states = mask_channels(masks).repeat(2, 1, 1, 1), text.states.flatten(0, 1)
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
