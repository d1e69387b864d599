"""A foreign base with a ControlNet (Zhang et al., 2023, arXiv 2302.05543) told of our masks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from torch import Tensor

from synth.cases import Case, Cases, MaskSet, MaskSets
from synth.images.denoisers import FrozenDenoiser, Text
from synth.images.frozen.base import ForeignImager, sample_seeds
from synth.images.frozen.blending import NoiseStreams, Solver, denoise
from synth.settings import SynthesisSettings


@dataclass(frozen=True)
class ControlNetImager(ForeignImager):
    """A base with a ControlNet that is told masks: one pass over the levels, guided by the case's prompt."""

    controlnet: ControlNetModel

    def texts(self, case: Case) -> Sequence[str]:
        """The case's prompt as it stands."""
        return [case.prompt]

    def check(self, settings: SynthesisSettings) -> None:
        """Raises UserError for a number of steps that the scheduler does not have."""
        self.base.schedule.levels(settings.steps)

    @torch.inference_mode()
    def latents(
        self, base: FrozenDenoiser, cases: Cases, masks: MaskSets, settings: SynthesisSettings
    ) -> Tensor:
        """Latents (N, C, side, side), classifier-free guidance (Ho & Salimans, 2022). Raises Interrupted."""
        side, count = settings.size // self.factor, len(cases)
        controlled = replace(
            base, unet=_Controlled(base.unet, self.controlnet, mask_channels(masks).to(base.device))
        )
        streams = NoiseStreams(sample_seeds(cases), "controlnet", base.device)
        noise = streams.normal((base.channels, side, side))
        states = torch.stack([base.embed([""] * count), base.embed([case.prompt for case in cases])])
        levels, start = base.schedule.levels(settings.steps), (torch.zeros_like(noise), noise)
        return denoise(controlled, levels, start, Text(states, settings.guidance), streams, Solver())


@dataclass(frozen=True)
class _Controlled:
    """A UNet with what a ControlNet adds to it at each pass, for any number of branches of N images."""

    unet: Any
    controlnet: ControlNetModel
    controls: Tensor  # (N, CONTROLS, H, W)

    def __call__(self, at: Tensor, time: Tensor, states: Tensor) -> Any:
        controls = self.controls.repeat(len(at) // len(self.controls), 1, 1, 1)
        down, mid = self.controlnet(at, time, states, controls, return_dict=False)
        return self.unet(
            at, time, states, down_block_additional_residuals=down, mid_block_additional_residual=mid
        )


def mask_channels(masks: Sequence[MaskSet]) -> Tensor:
    """(N, CONTROLS, H, W) float, 0 or 1: anatomy as ANATOMY orders it, then lesions as FINDING_NAMES."""
    told = [np.concatenate([m.anatomy, m.lesion_channels()]) for m in masks]
    return torch.from_numpy(np.stack(told)).float()
