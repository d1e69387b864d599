"""A frozen latent diffusion model, whatever its network and noise schedule, as controllers see it.

All that a controller needs is to noise a latent, ``z = alpha · x0 + sigma · noise``, and to ask the
network what of ``z`` is clean and what is noise. Flow matching (Lipman et al., 2023) and the schedules of
Stable Diffusion 1.x and 2.x (Rombach et al., 2022) differ in alpha and sigma and in what the network says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from synth.errors import Interrupted, UserError
from synth.images.finite import check_finite, to_pixels
from synth.images.model import ImageModel
from synth.images.protocol import ShouldStop
from synth.images.text import tokenise

Prediction = Literal["flow", "epsilon", "v_prediction"]


class Level(NamedTuple):
    """How much of a latent is image and how much noise, and the time that the network is told."""

    alpha: float
    sigma: float
    time: float


#: What a latent is when all noise is gone.
CLEAN = Level(1.0, 0.0, 0.0)


@dataclass(frozen=True)
class NoiseSchedule:
    """The levels of a diffusers scheduler, and what its network's output means."""

    scheduler: Any
    prediction: Prediction

    @classmethod
    def of(cls, scheduler: Any) -> "NoiseSchedule":
        """That of a flow matching scheduler, or of any with ``alphas_cumprod``; raises UserError."""
        if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
            return cls(scheduler, "flow")
        if not hasattr(scheduler, "alphas_cumprod"):
            raise UserError(
                f"scheduler: {type(scheduler).__name__}, expected flow matching or one with betas"
            )
        ddim = DDIMScheduler.from_config(scheduler.config)
        said = ddim.config["prediction_type"]
        if said not in ("epsilon", "v_prediction"):
            raise UserError(f"scheduler: prediction_type {said!r}, expected epsilon or v_prediction")
        if said == "epsilon" and float(ddim.alphas_cumprod[-1]) == 0:
            raise UserError("scheduler: epsilon with a last level of noise alone, expected v_prediction")
        return cls(ddim, said)

    def levels(self, steps: int) -> tuple[Level, ...]:
        """(steps + 1) levels from the noisiest to a clean latent; raises UserError."""
        longest = int(self.scheduler.config["num_train_timesteps"])
        if not 1 <= steps <= longest:
            raise UserError(f"steps: {steps}, expected 1 to {longest}")
        scheduler = type(self.scheduler).from_config(self.scheduler.config)  # threads share the model
        scheduler.set_timesteps(steps)
        times = [float(t) for t in scheduler.timesteps]
        if self.prediction == "flow":
            noisy = [Level(1 - float(s), float(s), t) for s, t in zip(scheduler.sigmas, times, strict=False)]
        else:
            shares = scheduler.alphas_cumprod.double()[scheduler.timesteps]
            noisy = [
                Level(float(a) ** 0.5, float(1 - a) ** 0.5, t) for a, t in zip(shares, times, strict=True)
            ]
        return (*noisy, CLEAN)

    def parts(self, z: Tensor, output: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        """The clean latent and the noise of ``z`` by the network's ``output``, all (N, C, h, w).

        Velocities: noise − x0 in flow matching; alpha · noise − sigma · x0 in Salimans & Ho (2022).
        """
        alpha, sigma, _ = level
        if self.prediction == "flow":
            return z - sigma * output, z + alpha * output
        if self.prediction == "epsilon":
            return (z - sigma * output) / alpha, output
        return alpha * z - sigma * output, sigma * z + alpha * output


def add_noise(clean: Tensor, noise: Tensor, level: Level) -> Tensor:
    """``q_sample``: latents (N, C, h, w) at a level of noise."""
    return level.alpha * clean + level.sigma * noise


@dataclass(frozen=True)
class Text:
    """Prompts that a batch of N follows, in B branches.

    Their ``states`` are (B, N, L, D). The first is followed as it is. Each further one is followed
    ``guidance`` times as far as it departs from the first (Ho & Salimans, 2022), weighted by its region
    (B − 1, N, 1, h, w), 0 or more, or, without ``regions``, everywhere. ``hints`` (B, N, S, h, w) are for the
    S spare input channels of a base, None for zeros. In cells marked ``steady`` (N, 1, h, w), with two
    branches only, guidance changes no channel's mean and deviation against the second branch alone: much of
    it would make a lung black (Lin et al., 2024, section 3.4, rescale the deviation of the whole image).
    """

    states: Tensor
    guidance: float = 1.0
    regions: Tensor | None = None
    hints: Tensor | None = None
    steady: Tensor | None = None


@dataclass
class FrozenDenoiser:
    """A text-to-image base whose weights are never touched; threads take one each.

    ``embed`` gives prompts' states (N, L, D); ``encode`` and ``decode`` go between images (N, C', H, W) in
    [-1, 1] and latents (N, ``channels``, h, w). The ``spare`` further input channels of the UNet, a spatial
    condition, are zero unless hints are given. ``passes`` counts UNet passes, one for each image and branch
    of guidance. ``should_stop`` is asked before each.
    """

    unet: Any
    schedule: NoiseSchedule
    embed: Callable[[Sequence[str]], Tensor]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    channels: int
    spare: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    passes: int = 0
    should_stop: ShouldStop = None

    @classmethod
    def of_model(cls, model: ImageModel) -> "FrozenDenoiser":
        """Our own image model with text alone: no mask is given, as in training when all were dropped."""

        def embed(prompts: Sequence[str]) -> Tensor:
            tokens = tokenise(model.tokenizer, prompts).to(model.device)
            return model.text_encoder(tokens).last_hidden_state

        channels = model.unet.config["out_channels"]
        return cls(
            model.unet,
            NoiseSchedule.of(model.scheduler),
            embed,
            model.codec.encode,
            model.codec.decode,
            channels,
            model.unet.config["in_channels"] - channels,
            model.device,
            model.precision,
        )

    @classmethod
    def of_pipeline(cls, pipeline: Any) -> "FrozenDenoiser":
        """A diffusers pipeline in Stable Diffusion's layout (1.x, 2.x); prompts are cut at its length."""
        vae, device = pipeline.vae, pipeline.unet.device

        def embed(prompts: Sequence[str]) -> Tensor:
            tokenizer = pipeline.tokenizer
            length = tokenizer.model_max_length
            said = tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True)
            return pipeline.text_encoder(torch.tensor(said["input_ids"], device=device)).last_hidden_state

        def encode(images: Tensor) -> Tensor:
            return vae.encode(images).latent_dist.mode() * vae.config["scaling_factor"]

        def decode(latents: Tensor) -> Tensor:
            return vae.decode(latents / vae.config["scaling_factor"]).sample

        channels = pipeline.unet.config["in_channels"]
        schedule = NoiseSchedule.of(pipeline.scheduler)
        return cls(pipeline.unet, schedule, embed, encode, decode, channels, device=str(device))

    @torch.inference_mode()
    def grey(self, latents: Tensor) -> np.ndarray:
        """Images (N, H, W) uint8 of latents, the mean of their colours. Raises NotFiniteError."""
        colours = check_finite(self.decode(check_finite(latents, "latents")), "images")
        return to_pixels(colours.clamp(-1, 1).mean(1))

    @torch.inference_mode()
    def predict(self, z: Tensor, level: Level, text: Text) -> tuple[Tensor, Tensor]:
        """What of ``z`` (N, C, h, w) is clean and what is noise; a pass an image and branch of ``text``.

        Raises :class:`synth.errors.Interrupted`.
        """
        if self.should_stop is not None and self.should_stop():
            raise Interrupted(f"stopped before the denoising step at time {level.time:g}")
        branches, count = len(text.states), len(z)
        hints = z.new_zeros(branches, count, self.spare, *z.shape[2:]) if text.hints is None else text.hints
        at = torch.cat([z.expand(branches, *z.shape), hints], 2).flatten(0, 1)
        time = torch.full((len(at),), level.time, device=z.device)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bf16"):
            said = self.unet(at, time, text.states.flatten(0, 1)).sample.float()
        self.passes += branches * count
        free, asked = said[:count], said[count:].unflatten(0, (branches - 1, count))
        departure = asked - free if text.regions is None else text.regions * (asked - free)
        clean, noise = self.schedule.parts(z, free + text.guidance * departure.sum(0), level)
        if text.steady is None:
            return clean, noise
        (second,) = asked
        clean = as_bright(clean, self.schedule.parts(z, second, level)[0], text.steady)
        return clean, (z - level.alpha * clean) / level.sigma


def as_bright(latent: Tensor, model: Tensor, cells: Tensor) -> Tensor:
    """``latent`` (N, C, h, w), each channel's mean and deviation in ``cells`` (N, 1, h, w), 0 or 1, made
    those of ``model``; as it was elsewhere."""
    count = cells.sum((2, 3), keepdim=True).clamp(min=1)

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        mean = (x * cells).sum((2, 3), keepdim=True) / count
        return mean, ((x - mean).square() * cells).sum((2, 3), keepdim=True).div(count).sqrt()

    (mean, deviation), (wanted, wide) = moments(latent), moments(model)
    return torch.where(cells > 0, (latent - mean) * (wide / deviation.clamp(min=1e-6)) + wanted, latent)
