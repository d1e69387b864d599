"""The codec: a linear code in closed form, white on what it was fitted to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.images.codec import BANDS, CHANNELS, FACTOR, PatchCodec, split_bands
from synth.weights import SHIPPED


def smooth_images(count: int, size: int = 64) -> torch.Tensor:
    noise = torch.randn(count, 1, size // 8, size // 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=(size, size), mode="bicubic").clamp(-1, 1)


@pytest.fixture(scope="module")
def codec() -> PatchCodec:
    torch.manual_seed(0)
    codec = PatchCodec().eval()
    patches = (
        smooth_images(64).unfold(2, FACTOR, FACTOR).unfold(3, FACTOR, FACTOR).reshape(-1, FACTOR, FACTOR)
    )
    codec.fit_patches(patches)
    return codec


@pytest.fixture(scope="module")
def shipped() -> PatchCodec:
    folder = SHIPPED / "images" / "vae"
    return PatchCodec.from_pretrained(folder, low_cpu_mem_usage=False).float().eval()


def test_latents_are_white_on_the_fitted_patches(codec):
    latents = codec.encode(smooth_images(64))
    assert latents.shape == (64, CHANNELS, 8, 8)
    flat = latents.permute(1, 0, 2, 3).reshape(CHANNELS, -1)
    assert flat.mean(1).abs().max() < 1e-3
    assert torch.allclose(torch.cov(flat), torch.eye(CHANNELS), atol=0.02)


def test_coding_what_was_decoded_changes_nothing(codec):
    latents = torch.randn(2, CHANNELS, 4, 4)
    assert torch.allclose(codec.encode(codec.decode_linear(latents)), latents, atol=1e-4)


def test_an_untrained_decoder_is_the_linear_one(codec):
    latents = torch.randn(1, CHANNELS, 4, 4)
    assert torch.equal(codec.decode(latents), codec.decode_linear(latents))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6))
def test_any_multiple_of_the_factor_fits(height, width):
    codec = PatchCodec()
    image = torch.zeros(1, 1, FACTOR * height, FACTOR * width)
    assert codec.decode_linear(codec.encode(image)).shape == image.shape


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9))
def test_the_bands_sum_to_the_whole(height, width):
    image = torch.randn(2, 1, FACTOR * height, FACTOR * width)
    bands = split_bands(image)
    assert bands.shape == (2, BANDS, *image.shape[2:])
    assert torch.allclose(bands.sum(1, keepdim=True), image, atol=1e-5)


def test_grain_is_as_loud_as_it_is_told(codec):
    """Of equal log amplitudes the noise stays white: nothing repeats at the patches' distance."""
    latents, noise = torch.zeros(1, CHANNELS, 32, 32), torch.randn(1, 1, 256, 256)
    loudness = codec.dropped(latents)[1]
    grain = codec.decode(latents, noise) - codec.decode(latents)
    assert torch.allclose(grain, noise * loudness.exp().mean(), atol=1e-4)


def test_grain_depends_on_its_own_image_alone(shipped):
    latents, noise = torch.randn(3, CHANNELS, 4, 4), torch.randn(3, 1, 32, 32)
    together = shipped.decode(latents, noise)
    alone = torch.cat([shipped.decode(latents[i : i + 1], noise[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_the_shipped_codec_keeps_a_radiograph_and_its_texture(shipped, shared_data):
    from flows.training.recipes.codec import evaluate
    from synth.images.radiographs import read_radiograph, to_uint8

    paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[::33]
    images = np.stack([to_uint8(read_radiograph(p, 256)) for p in paths])
    figures = evaluate(shipped, images)
    assert figures["psnr_db"] > 35
    assert figures["ssim"] > 0.94
    assert abs(figures["log10_texture"]) < 0.3
