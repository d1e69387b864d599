"""Levels and predictions are those of diffusers' schedulers, for flow matching and for Stable Diffusion's."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)
from small_bases import STABLE, latents, small_base, small_unet

from synth.images.denoisers import CLEAN, FrozenDenoiser, NoiseSchedule, Text, add_noise, as_bright
from synth.images.frozen.blending import NoiseStreams, Solver, denoise
from synth.images.text import learn_tokenizer, new_text_encoder


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("kind", [DDIMScheduler, PNDMScheduler])
def test_levels_noise_as_ddpm_does(kind, prediction):
    options = {k: v for k, v in STABLE.items() if k != "clip_sample" or kind is DDIMScheduler}
    levels = NoiseSchedule.of(kind(**options, prediction_type=prediction)).levels(20)
    theirs = DDPMScheduler(**{k: STABLE[k] for k in ("beta_start", "beta_end", "beta_schedule")})
    x, noise = latents(), latents(seed=1)
    assert len(levels) == 21
    assert levels[-1] == CLEAN
    for level in levels[:-1]:
        expected = theirs.add_noise(x, noise, torch.tensor([int(level.time)] * 2))
        assert torch.allclose(add_noise(x, noise, level), expected, atol=1e-5)
        assert level.alpha**2 + level.sigma**2 == pytest.approx(1)


def test_flow_levels_are_those_the_image_model_samples_at():
    scheduler = FlowMatchEulerDiscreteScheduler()
    levels = NoiseSchedule.of(scheduler).levels(12)
    scheduler.set_timesteps(12)
    assert [v.sigma for v in levels] == pytest.approx(scheduler.sigmas.tolist())
    assert [v.time for v in levels[:-1]] == pytest.approx(scheduler.timesteps.tolist())
    assert all(v.alpha == pytest.approx(1 - v.sigma) for v in levels)


@pytest.mark.parametrize("prediction", ["flow", "epsilon", "v_prediction"])
def test_a_perfect_network_tells_image_and_noise_apart(prediction):
    flow = prediction == "flow"
    scheduler = (
        FlowMatchEulerDiscreteScheduler() if flow else DDIMScheduler(**STABLE, prediction_type=prediction)
    )
    schedule, x, noise = NoiseSchedule.of(scheduler), latents(), latents(seed=1)
    level = schedule.levels(10)[4]
    output = {"flow": noise - x, "epsilon": noise}.get(prediction)
    if output is None:
        output = DDPMScheduler(**STABLE).get_velocity(x, noise, torch.tensor([int(level.time)] * 2))
    clean, rest = schedule.parts(add_noise(x, noise, level), output, level)
    assert torch.allclose(clean, x, atol=1e-4)
    assert torch.allclose(rest, noise, atol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_steps_are_ddim(prediction, eta):
    scheduler = DDIMScheduler(**STABLE, prediction_type=prediction, set_alpha_to_one=True)
    base, seeds = small_base(scheduler), [3, 4]
    text = Text(base.embed(["", ""])[None])
    levels, streams = base.schedule.levels(10), NoiseStreams(seeds, "test")
    first, streams_again = streams.normal((4, 8, 8)), NoiseStreams(seeds, "test")
    assert torch.equal(first, streams_again.normal((4, 8, 8)))
    ours = denoise(base, levels, (0 * first, first), text, streams, Solver(eta, second_order=False))
    scheduler.set_timesteps(10)
    z = levels[0].sigma * first
    for t in scheduler.timesteps:
        with torch.inference_mode():
            output = base.unet(z, t, text.states[0]).sample
        fresh = streams_again.normal((4, 8, 8)) if eta else None
        z = scheduler.step(output, t, z, eta=eta, variance_noise=fresh).prev_sample
    assert torch.allclose(ours, z, atol=2e-3 * float(z.abs().max()))


def test_a_step_of_flow_matching_is_eulers():
    scheduler = FlowMatchEulerDiscreteScheduler()
    base, noise = small_base(scheduler), latents()
    text = Text(base.embed(["", ""])[None])
    solver = Solver(second_order=False)
    ours = denoise(base, base.schedule.levels(6), (0 * noise, noise), text, NoiseStreams([1, 2], "t"), solver)
    scheduler.set_timesteps(6)
    for t in scheduler.timesteps:
        with torch.inference_mode():
            output = base.unet(noise, t, text.states[0]).sample
        noise = scheduler.step(output, t, noise).prev_sample
    assert torch.allclose(ours, noise, atol=1e-4)


def test_the_second_order_comes_nearer_with_as_many_steps():
    base = small_base(DDIMScheduler(**STABLE, timestep_spacing="trailing"))
    noise, text = latents(), Text(base.embed(["", ""])[None])
    streams = NoiseStreams([1, 2], "test")

    def run(steps: int, second_order: bool) -> torch.Tensor:
        solver, levels = Solver(second_order=second_order), base.schedule.levels(steps)
        return denoise(base, levels, (0 * noise, noise), text, streams, solver)

    exact = run(400, False)
    first, second = ((run(20, order) - exact).abs().mean() for order in (False, True))
    assert second < 0.8 * first


def test_passes_are_counted_by_image_and_branch_and_regions_bound_guidance():
    base, z = small_base(FlowMatchEulerDiscreteScheduler(), extra=3), latents()
    level, free, asked = base.schedule.levels(4)[1], base.embed(["", ""]), base.embed(["a", "bb"])
    plain, _ = base.predict(z, level, Text(free[None]))
    assert base.passes == 2
    regions = torch.zeros(1, 2, 1, 8, 8)
    regions[..., :4, :] = 1
    guided, _ = base.predict(z, level, Text(torch.stack([free, asked]), 7.0, regions))
    assert base.passes == 6
    assert torch.allclose(guided[:, :, 4:], plain[:, :, 4:], atol=1e-5)
    assert not torch.allclose(guided[:, :, :4], plain[:, :, :4], atol=1e-3)
    once, _ = base.predict(z, level, Text(torch.stack([free, asked])))
    alone, _ = base.predict(z, level, Text(asked[None]))
    assert torch.allclose(once, alone, atol=1e-5)
    hints = torch.zeros(1, 2, 3, 8, 8)
    assert torch.equal(base.predict(z, level, Text(free[None], hints=hints))[0], plain)
    assert not torch.equal(base.predict(z, level, Text(free[None], hints=hints + 1))[0], plain)


def test_a_pipeline_in_stable_diffusions_layout_is_a_base():
    tokenizer = learn_tokenizer(["right effusion", "no finding"], 300)
    torch.manual_seed(0)
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    vae = AutoencoderKL(block_out_channels=(8, 8), norm_num_groups=4, **blocks)
    parts = {"vae": vae.eval(), "unet": small_unet(), "scheduler": DDIMScheduler(**STABLE)}
    parts |= {"text_encoder": new_text_encoder(tokenizer, 16, 1).eval(), "tokenizer": tokenizer}
    pipeline = StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    base = FrozenDenoiser.of_pipeline(pipeline)
    assert (base.channels, base.spare) == (4, 0)
    with torch.inference_mode():
        encoded = base.encode(torch.zeros(1, 3, 16, 16))
        assert base.decode(encoded).shape == (1, 3, 16, 16)
    states = base.embed(["right effusion"])
    clean, noise = base.predict(encoded, base.schedule.levels(5)[0], Text(states[None]))
    assert clean.shape == noise.shape == encoded.shape


def test_what_cannot_be_sampled_is_told():
    with pytest.raises(ValueError, match="scheduler: SimpleNamespace, expected"):
        NoiseSchedule.of(SimpleNamespace())
    with pytest.raises(ValueError, match="prediction_type 'sample'"):
        NoiseSchedule.of(DDIMScheduler(prediction_type="sample"))
    with pytest.raises(ValueError, match="expected v_prediction"):
        NoiseSchedule.of(DDIMScheduler(rescale_betas_zero_snr=True))
    with pytest.raises(ValueError, match="steps: 0, expected 1 to 1000"):
        NoiseSchedule.of(FlowMatchEulerDiscreteScheduler()).levels(0)


def moments(x: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """(2, N, C): each channel's mean and deviation in ``cells`` (N, 1, h, w)."""
    there = [[channel[c[0] > 0] for channel in image] for image, c in zip(x, cells, strict=True)]
    rows = [torch.stack([torch.stack([v.mean(), v.std(correction=0)]) for v in row]) for row in there]
    return torch.stack(rows).movedim(-1, 0)


def some_cells() -> torch.Tensor:
    cells = torch.zeros(2, 1, 8, 8)
    cells[0, :, 2:6, 1:7], cells[1, :, :3] = 1, 1
    return cells


def test_brightness_and_contrast_become_those_of_the_model_and_the_rest_stays():
    latent, model, cells = 3 * latents() - 2, latents(seed=1), some_cells()
    made = as_bright(latent, model, cells)
    assert torch.allclose(moments(made, cells), moments(model, cells), atol=1e-5)
    outside = (cells == 0).expand_as(made)
    assert torch.equal(made[outside], latent[outside])
    inside = latent[0, 0][cells[0, 0] > 0]
    ranks = made[0, 0][cells[0, 0] > 0].argsort()
    assert torch.equal(ranks, inside.argsort()), "what was brighter stays brighter"
    assert torch.equal(as_bright(latent, model, 0 * cells), latent)
    flat = torch.ones_like(latent)
    assert as_bright(flat, model, cells).isfinite().all()


@pytest.mark.parametrize("kind", ["flow", "epsilon"])
def test_guidance_of_steady_cells_changes_no_brightness(kind):
    scheduler = FlowMatchEulerDiscreteScheduler() if kind == "flow" else DDIMScheduler(**STABLE)
    base, z, cells = small_base(scheduler), latents(), some_cells()
    level = base.schedule.levels(8)[2]
    states = torch.stack([base.embed(["", ""]), base.embed(["a", "bb"])])
    regions = torch.full((1, 2, 1, 8, 8), 6.0)
    guided, _ = base.predict(z, level, Text(states, regions=regions))
    steady, noise = base.predict(z, level, Text(states, regions=regions, steady=cells))
    second, _ = base.predict(z, level, Text(states[1:]))
    assert torch.allclose(moments(steady, cells), moments(second, cells), atol=1e-3)
    assert not torch.allclose(moments(guided, cells), moments(second, cells), atol=1e-2)
    outside = (cells == 0).expand_as(z)
    assert torch.allclose(steady[outside], guided[outside], atol=1e-5)
    assert torch.allclose(add_noise(steady, noise, level), z, atol=1e-4), "clean and noise make up the latent"
    assert not torch.allclose(steady, second, atol=1e-2), "what is guided is still guided"
