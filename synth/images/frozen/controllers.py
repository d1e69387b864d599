"""A foreign text-to-image base under XReal's controllers (:mod:`.xreal`), which need no training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from synth.cases import Case, Cases, FindingRequest, MaskSet, MaskSets
from synth.findings import FINDING_NAMES
from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.base import ForeignImager, sample_seeds
from synth.images.frozen.control_presets import OURS, Preset
from synth.images.frozen.rough_latents import RoughSource
from synth.images.frozen.xreal import control_anatomy, control_pathology
from synth.prompts.phrases import write_prompt
from synth.seeding import numpy_generator
from synth.settings import SynthesisSettings


@dataclass(frozen=True)
class ControllerImager(ForeignImager):
    """A text-to-image base under XReal's controllers: first a healthy body, then lesions in their masks."""

    rough: RoughSource

    def texts(self, case: Case) -> Sequence[str]:
        """A prompt for each finding that the case asks for."""
        return [lesion_prompt(case, name) for name in dict.fromkeys(r.name for r in case.findings)]

    def check(self, settings: SynthesisSettings) -> None:
        """Raises UserError for a number of steps that the scheduler does not have."""
        preset = _preset(settings)
        for stage in (preset.anatomy, preset.pathology):
            self.base.schedule.levels(round(stage.steps / (1 - stage.skipped)))

    @torch.inference_mode()
    def latents(
        self, base: FrozenDenoiser, cases: Cases, masks: MaskSets, settings: SynthesisSettings
    ) -> Tensor:
        """Latents (N, C, side, side). Raises Interrupted.

        Bodies are made together, lesions image by image: how many passes those take is each case's own, and
        a batch of another shape would change the last bits of its neighbours.
        """
        preset, seeds = _preset(settings), sample_seeds(cases)
        anatomy = torch.from_numpy(np.stack([m.anatomy for m in masks])).float()
        bodies = control_anatomy(base, self.rough, anatomy, settings.size // self.factor, seeds, preset)
        drawn: list[Tensor] = []
        for i, case in enumerate(cases):
            if i and case is cases[i - 1] and masks[i] is masks[i - 1]:  # what fills the batch up
                drawn.append(drawn[-1])
            else:
                drawn.append(_with_lesions(base, bodies[i : i + 1], case, masks[i], seeds[i], preset))
        return torch.cat(drawn)


def lesion_prompt(case: Case, name: str) -> str:
    """What a base is told of one finding: the case's own prompt where it asks for no other, else a text
    written for that finding alone, the same whenever the case is."""
    if case.prompt and {r.name for r in case.findings} == {name}:
        return case.prompt
    requests = [r for r in case.findings if r.name == name] or [FindingRequest(name)]
    return write_prompt(requests, case.who, numpy_generator(case.seed, case.key, f"prompt {name}"))


def _with_lesions(
    base: FrozenDenoiser, body: Tensor, case: Case, masks: MaskSet, seed: int, preset: Preset
) -> Tensor:
    drawn = masks.lesion_channels()
    names = [name for name, mask in zip(FINDING_NAMES, drawn, strict=True) if mask.any()]
    if not names:
        return body
    lesions = torch.from_numpy(drawn[[FINDING_NAMES.index(name) for name in names]]).float()[None]
    prompts = [lesion_prompt(case, name) for name in names]
    return control_pathology(base, body, lesions, [prompts], [seed], preset)


def _preset(settings: SynthesisSettings) -> Preset:
    guidance = settings.guidance * settings.lesion_guidance
    return replace(
        OURS,
        anatomy=replace(OURS.anatomy, steps=settings.steps),
        pathology=replace(OURS.pathology, steps=settings.steps, guidance=guidance),
    )
