"""Small random text-to-image bases over any of diffusers' schedulers."""

import torch
from diffusers import UNet2DConditionModel

from synth.images.denoisers import FrozenDenoiser, NoiseSchedule

#: As the scheduler folders of Stable Diffusion have it.
STABLE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
}


def small_unet(extra: int = 0, width: int = 16) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4 + extra,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=4,
    ).eval()


def small_base(scheduler, extra: int = 0) -> FrozenDenoiser:
    """A random network over any scheduler; a prompt is embedded as noise seeded by its length."""

    def embed(prompts):
        made = [torch.randn(5, 16, generator=torch.Generator().manual_seed(len(p))) for p in prompts]
        return torch.stack(made)

    schedule = NoiseSchedule.of(scheduler)
    return FrozenDenoiser(small_unet(extra), schedule, embed, torch.clone, torch.clone, 4, extra)


def latents(count: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(seed))
