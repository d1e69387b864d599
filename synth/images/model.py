"""Radiographs by latent diffusion, guided by prompt, anatomy masks and lesion masks.

Latents of an f8 codec (Rombach et al., 2022) are carried from noise to image by a UNet trained with
flow matching (Lipman et al., 2023) under classifier-free guidance (Ho & Salimans, 2022). Masks enter
as extra input channels at the latents' resolution, each group with a plane that says whether it was
given; every condition was dropped on its own in training, so one network is also the text-to-image
base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from synth.cases import Case, MaskSet
from synth.errors import Interrupted
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.codec import FACTOR, PatchCodec
from synth.images.finite import check_finite, to_pixels
from synth.images.model_folder import ModelFolder
from synth.images.protocol import ShouldStop, case_noise
from synth.images.text import LENGTH, is_cut, tokenise
from synth.masks.anatomy import without_lesions
from synth.settings import SynthesisSettings

#: Channels of the spatial condition: anatomy, is it given, lesions, any lesion in each quarter of a
#: cell, are lesions given.
CONDITION = len(ANATOMY) + 1 + len(FINDING_NAMES) + 4 + 1


CARDIOMEGALY = FINDING_NAMES.index("cardiomegaly")


@dataclass(frozen=True)
class Condition:
    """What a batch is guided by: ``tokens`` (N, L), ``spatial`` (N, CONDITION, h, w) in [0, 1]."""

    tokens: Tensor
    spatial: Tensor

    def dropped(self, text: Tensor, anatomy: Tensor, lesions: Tensor, empty: Tensor) -> "Condition":
        """A copy without some conditions: bool (N,) masks say where; ``empty`` (L,) is no prompt."""
        tokens = torch.where(text[:, None], empty, self.tokens)
        spatial = self.spatial.clone()
        split = len(ANATOMY) + 1
        spatial[anatomy, :split] = 0
        spatial[lesions, split:] = 0
        return Condition(tokens, spatial)

    def near_lesions(self, healthy: "Condition", strengths: Tensor) -> Tensor:
        """(N, 1, h, w): in cells with a lesion its finding's of ``strengths`` (F,), in the order of
        FINDING_NAMES, falling to 0 two cells further; where lesions meet, the greatest.

        Cardiomegaly also lies where the heart differs from that of the ``healthy`` body.
        """
        first = len(ANATOMY) + 1
        there = (self.spatial[:, first : first + len(FINDING_NAMES)] > 0).float()
        heart = ANATOMY.index("heart")
        grown = (self.spatial[:, heart] != healthy.spatial[:, heart]).float()
        there[:, CARDIOMEGALY] = there[:, CARDIOMEGALY].maximum(grown)
        near = F.avg_pool2d(F.max_pool2d(there, 3, 1, 1), 3, 1, 1, count_include_pad=False)
        return (strengths[:, None, None] * near).amax(1, keepdim=True)


def spatial_condition(anatomy: Tensor, lesions: Tensor, side: int, known: Tensor) -> Tensor:
    """Masks as coverage of each latent cell, with their planes: (N, CONDITION, side, side).

    ``anatomy`` (N, 5, H, W), ``lesions`` (N, 13, H, W), in [0, 1]; ``known`` (N,) bool: whether the
    lesions of that image are known at all. Lesions smaller than a cell are told where in it they lie
    by the coverage of its quarters (upper left, upper right, lower left, lower right).
    """
    cells = [F.interpolate(m.float(), size=(side, side), mode="area") for m in (anatomy, lesions)]
    any_lesion = lesions.float().amax(1, keepdim=True)
    quarters = F.pixel_unshuffle(F.interpolate(any_lesion, size=(2 * side, 2 * side), mode="area"), 2)
    one = torch.ones_like(cells[0][:, :1])
    told = known.float()[:, None, None, None]
    return torch.cat([cells[0], one, cells[1] * told, quarters * told, one * told], 1)


@dataclass
class ImageModel:
    """A diffusers-layout checkpoint: vae, unet, text_encoder, tokenizer, scheduler."""

    codec: PatchCodec
    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    tokenizer: PreTrainedTokenizerFast
    scheduler: FlowMatchEulerDiscreteScheduler
    findings: tuple[str, ...]  # those it was trained to draw
    strengths: tuple[float, ...]  # guidance at which each of FINDING_NAMES is seen, and like real ones
    device: str = "cpu"
    precision: str = "fp32"

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", precision: str = "fp32") -> "ImageModel":
        """Read a checkpoint folder whose files match their pins; safetensors only."""
        parts = ModelFolder(folder)
        about = parts.about()
        return cls(
            codec=_ready(parts.codec(), device),
            unet=_ready(parts.unet(), device),
            text_encoder=_ready(parts.text_encoder(), device),
            tokenizer=parts.tokenizer(),
            scheduler=parts.scheduler(),
            findings=tuple(about.findings),
            strengths=tuple(about.strengths.get(n, 1.0) for n in FINDING_NAMES),
            device=device,
            precision=precision,
        )

    @property
    def empty(self) -> Tensor:
        """(L,) tokens of no prompt."""
        return tokenise(self.tokenizer, [""])[0]

    @property
    def length(self) -> int:
        """Tokens of a prompt that are read."""
        return LENGTH

    def cuts(self, case: Case) -> bool:
        """Whether the case's prompt is longer than what is read of it."""
        return is_cut(self.tokenizer, case.prompt.lower(), LENGTH)

    def draw(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """Images (N, size, size) uint8 of N cases with their masks. Raises Interrupted."""
        side, channels = settings.size // FACTOR, self.unet.config["out_channels"]
        prompts = [case.prompt for case in cases]
        condition = self.condition(prompts, masks, side)
        healthy = self.condition(prompts, [without_lesions(m) for m in masks], side)
        noise = torch.stack([case_noise(case, "noise", (channels, side, side)) for case in cases])
        grain = torch.stack([case_noise(case, "grain", (1, settings.size, settings.size)) for case in cases])
        strengths = settings.guidance, settings.lesion_guidance
        return self.sample(condition, healthy, noise, settings.steps, *strengths, should_stop, grain)

    def condition(self, prompts: Sequence[str], masks: Sequence[MaskSet], side: int) -> Condition:
        """The condition of a batch at a latent grid of ``side`` cells."""
        anatomy = torch.from_numpy(np.stack([m.anatomy for m in masks]))
        lesions = torch.from_numpy(np.stack([m.lesion_channels() for m in masks]))
        known = torch.ones(len(masks), dtype=torch.bool)
        return Condition(tokenise(self.tokenizer, prompts), spatial_condition(anatomy, lesions, side, known))

    @torch.inference_mode()
    def sample(
        self,
        condition: Condition,
        healthy: Condition,
        noise: Tensor,
        steps: int,
        guidance: float,
        lesion_guidance: float,
        should_stop: ShouldStop = None,
        grain: Tensor | None = None,
    ) -> np.ndarray:
        """Images (N, H, W) uint8 from standard normal ``noise`` (N, C, h, w) and ``grain`` (N, 1, H, W).

        ``guidance`` scales what prompt and anatomy change against no condition, ``lesion_guidance``
        what the lesions' masks change against ``healthy``, the same bodies without lesions, as Brooks
        et al. (2023, equation 3) scale two conditions apart. 1 follows a condition as trained, more
        exaggerates it. ``lesion_guidance`` multiplies the checkpoint's own strength of each finding.
        Lesions are given their say near their masks only: elsewhere the image is the healthy body's.
        Raises Interrupted.
        """
        all_of = torch.ones(len(noise), dtype=torch.bool)
        nothing = condition.dropped(all_of, all_of, all_of, self.empty)
        branches = (nothing, healthy, condition)
        tokens = torch.cat([b.tokens for b in branches]).to(self.device)
        spatial = torch.cat([b.spatial for b in branches]).to(self.device)
        strengths = lesion_guidance * torch.tensor(self.strengths)
        near = condition.near_lesions(healthy, strengths).to(self.device)
        x = noise.to(self.device)
        scheduler = type(self.scheduler).from_config(self.scheduler.config)  # threads share the model
        scheduler.set_timesteps(steps, device=self.device)
        sigmas = scheduler.sigmas
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bf16"):
            text = self.text_encoder(tokens).last_hidden_state
            for i, t in enumerate(scheduler.timesteps):
                if should_stop is not None and should_stop():
                    raise Interrupted(f"stopped at denoising step {i} of {steps}")
                at = torch.cat([x.repeat(len(branches), 1, 1, 1), spatial], 1)
                v = self.unet(at, t.expand(len(at)), text).sample.float()
                free, healthy, full = v.chunk(len(branches))
                v = free + guidance * (healthy - free) + near * (full - healthy)
                x = x + (sigmas[i + 1] - sigmas[i]) * v
        return self.decode(x, grain)

    @torch.inference_mode()
    def decode(self, latents: Tensor, grain: Tensor | None = None) -> np.ndarray:
        """Latents (N, C, h, w) to images (N, 8h, 8w) uint8, smooth without ``grain`` (N, 1, 8h, 8w).

        Raises NotFiniteError.
        """
        grain = None if grain is None else grain.to(latents.device)
        return to_pixels(self.codec.decode(check_finite(latents.float(), "latents"), grain)[:, 0])

    @torch.inference_mode()
    def encode(self, images: np.ndarray) -> Tensor:
        """Images (N, H, W) uint8 to latents (N, C, H/8, W/8)."""
        x = torch.from_numpy(images)[:, None].float().to(self.device) / 127.5 - 1
        return self.codec.encode(x)


def _ready(module, device: str):
    return module.float().to(device).eval()
