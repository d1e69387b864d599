"""The codec: a linear code in closed form, white on what it was fitted to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.codec import CHANNELS, FACTOR, PatchCodec
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


def test_the_shipped_codec_keeps_a_radiograph(shared_data):
    from flows.training.codec import evaluate
    from synth.radiographs import read_radiograph, to_uint8

    codec = PatchCodec.from_pretrained(SHIPPED / "images" / "vae").float().eval()
    paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[::33]
    images = np.stack([to_uint8(read_radiograph(p, 256)) for p in paths])
    figures = evaluate(codec, images)
    assert figures["psnr_db"] > 34
    assert figures["ssim"] > 0.93
