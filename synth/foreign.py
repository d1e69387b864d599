"""Radiographs by other people's latent diffusion models, whose weights are never touched.

With a ControlNet (Zhang et al., 2023, arXiv 2302.05543) that is told our masks, or without one under XReal's
controllers (:mod:`synth.xreal`). Both sample by the checkpoint's own noise schedule with DPM-Solver++.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from torch import Tensor
from transformers import CLIPTokenizer

from synth.blending import NoiseStreams, Solver, denoise
from synth.cases import Case, FindingRequest, MaskSet
from synth.codec import PatchCodec
from synth.control_presets import OURS, Preset
from synth.denoisers import FrozenDenoiser, Text
from synth.findings import FINDING_NAMES
from synth.imagers import ShouldStop
from synth.phrases import write_prompt
from synth.pipeline_parts import PipelineParts
from synth.pipelines import PipelineFolder
from synth.rough_latents import ReencodedRough, RoughLatents
from synth.seeding import derive_seed, numpy_generator
from synth.settings import SynthesisSettings
from synth.text import is_cut
from synth.weights import SHIPPED, WeightsError, verify_folder
from synth.xreal import control_anatomy, control_pathology


@dataclass(frozen=True)
class ForeignImager(ABC):
    """A frozen base; threads share it, and each batch takes a copy of ``base`` for its own.

    ``factor``: pixels of a latent cell's side. Which findings the base knows is not told by its folder: all
    may be asked for, and the filters say which came.
    """

    base: FrozenDenoiser
    tokenizer: CLIPTokenizer
    factor: int

    @property
    def findings(self) -> tuple[str, ...]:
        """All."""
        return FINDING_NAMES

    @property
    def length(self) -> int:
        """Tokens of a prompt that are read."""
        return int(self.tokenizer.model_max_length)

    def cuts(self, case: Case) -> bool:
        """Whether a text that the case is drawn from is longer than what is read of it."""
        return any(is_cut(self.tokenizer, text, self.length) for text in self.texts(case))

    def draw(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """Images (N, size, size) uint8 of N cases with their masks. Raises Stopped."""
        base = replace(self.base, passes=0, should_stop=should_stop)
        return _grey(base, self.latents(base, cases, masks, settings))

    @abstractmethod
    def texts(self, case: Case) -> Sequence[str]:
        """The prompts that a case is drawn from."""

    @abstractmethod
    def check(self, settings: SynthesisSettings) -> None:
        """Raises ValueError for settings that cannot be sampled with."""

    @abstractmethod
    def latents(
        self,
        base: FrozenDenoiser,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
    ) -> Tensor:
        """Latents (N, C, side, side) of N cases with their masks. Raises Stopped."""


@dataclass(frozen=True)
class ControlNetImager(ForeignImager):
    """A base with a ControlNet that is told masks: one pass over the levels, guided by the case's prompt."""

    controlnet: ControlNetModel

    def texts(self, case: Case) -> Sequence[str]:
        """The case's prompt as it stands."""
        return [case.prompt]

    def check(self, settings: SynthesisSettings) -> None:
        """Raises ValueError for a number of steps that the scheduler does not have."""
        self.base.schedule.levels(settings.steps)

    @torch.inference_mode()
    def latents(
        self,
        base: FrozenDenoiser,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
    ) -> Tensor:
        """Latents (N, C, side, side) by classifier-free guidance (Ho & Salimans, 2022). Raises Stopped."""
        side, count = settings.size // self.factor, len(cases)
        controlled = replace(base, unet=_Controlled(base.unet, self.controlnet, _controls(masks, base)))
        streams = NoiseStreams(_seeds(cases), "controlnet", base.device)
        noise = streams.normal((base.channels, side, side))
        states = torch.stack([base.embed([""] * count), base.embed([case.prompt for case in cases])])
        levels, start = base.schedule.levels(settings.steps), (torch.zeros_like(noise), noise)
        return denoise(controlled, levels, start, Text(states, settings.guidance), streams, Solver())


@dataclass(frozen=True)
class ControllerImager(ForeignImager):
    """A text-to-image base under XReal's controllers: first a healthy body, then lesions in their masks."""

    rough: ReencodedRough

    def texts(self, case: Case) -> Sequence[str]:
        """A prompt for each finding that the case asks for."""
        return [lesion_prompt(case, name) for name in dict.fromkeys(r.name for r in case.findings)]

    def check(self, settings: SynthesisSettings) -> None:
        """Raises ValueError for a number of steps that the scheduler does not have."""
        preset = _preset(settings)
        for stage in (preset.anatomy, preset.pathology):
            self.base.schedule.levels(round(stage.steps / (1 - stage.skipped)))

    @torch.inference_mode()
    def latents(
        self,
        base: FrozenDenoiser,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
    ) -> Tensor:
        """Latents (N, C, side, side). Raises Stopped.

        Bodies are made together, lesions image by image: how many passes those take is each case's own, and
        a batch of another shape would change the last bits of its neighbours.
        """
        preset, seeds = _preset(settings), _seeds(cases)
        anatomy = torch.from_numpy(np.stack([m.anatomy for m in masks])).float()
        bodies = control_anatomy(base, self.rough, anatomy, settings.size // self.factor, seeds, preset)
        drawn: list[Tensor] = []
        for i, case in enumerate(cases):
            if i and case is cases[i - 1] and masks[i] is masks[i - 1]:  # what fills the batch up
                drawn.append(drawn[-1])
            else:
                drawn.append(_with_lesions(base, bodies[i : i + 1], case, masks[i], seeds[i], preset))
        return torch.cat(drawn)


def load_foreign(settings: SynthesisSettings) -> tuple[ForeignImager, dict[str, str]]:
    """The imager of the settings' checkpoint, and the SHA-256 of each file that went in.

    Raises WeightsError, one line, for a checkpoint or ControlNet that cannot be used, and for a size or
    number of steps that it cannot be sampled with.
    """
    if settings.images is None:
        raise ValueError("images.checkpoint: None, expected a folder in diffusers' layout")
    pipeline = PipelineFolder.read(settings.images, settings.controlnet)
    pipeline.check_size(settings.size)
    digests = pipeline.digests()
    parts = PipelineParts.load(pipeline, settings.device)
    try:
        base = replace(
            FrozenDenoiser.of_pipeline(parts), device=settings.device, precision=settings.precision
        )
    except ValueError as error:  # the scheduler is none that can be sampled by
        raise WeightsError(f"images.checkpoint: {settings.images}, {error}") from error
    imager: ForeignImager
    if parts.controlnet is not None:
        imager = ControlNetImager(base, parts.tokenizer, pipeline.factor, parts.controlnet)
    else:
        rough, pinned = _rough(base, parts.vae.config["in_channels"], pipeline.factor)
        imager, digests = ControllerImager(base, parts.tokenizer, pipeline.factor, rough), digests | pinned
    try:
        imager.check(settings)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"images.steps: {settings.steps}, too many for the scheduler: {error}") from error
    return imager, digests


def lesion_prompt(case: Case, name: str) -> str:
    """What a base is told of one finding: the case's own prompt where it asks for no other, else a text
    written for that finding alone, the same whenever the case is."""
    if case.prompt and {r.name for r in case.findings} == {name}:
        return case.prompt
    requests = [r for r in case.findings if r.name == name] or [FindingRequest(name)]
    return write_prompt(requests, case.who, numpy_generator(case.seed, case.key, f"prompt {name}"))


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


def _controls(masks: Sequence[MaskSet], base: FrozenDenoiser) -> Tensor:
    told = [np.concatenate([m.anatomy, m.lesion_channels()]) for m in masks]
    return torch.from_numpy(np.stack(told)).float().to(base.device)


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


def _seeds(cases: Sequence[Case]) -> list[int]:
    return [derive_seed(case.seed, case.key, "image") for case in cases]


def _rough(base: FrozenDenoiser, colours: int, factor: int) -> tuple[ReencodedRough, dict[str, str]]:
    pinned = {f"rough_latents/{k}": v for k, v in verify_folder(SHIPPED / "rough_latents").items()}
    shipped = verify_folder(SHIPPED / "images")
    pinned |= {f"codec/{k.removeprefix('vae/')}": v for k, v in shipped.items() if k.startswith("vae/")}
    options = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    options = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    codec = PatchCodec.from_pretrained(SHIPPED / "images" / "vae", **options)
    rough = RoughLatents.load().to(base.device)
    codec = codec.float().to(base.device).requires_grad_(False).eval()
    return ReencodedRough(rough, codec, base, colours, factor), pinned


@torch.inference_mode()
def _grey(base: FrozenDenoiser, latents: Tensor) -> np.ndarray:
    """Latents to (N, H, W) uint8, the mean of the colours."""
    images = base.decode(latents).clamp(-1, 1).mean(1)
    return ((images + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
