"""Which imager a folder allows, what went in, and what is told when it cannot be used."""

import pytest
from small_pipelines import change_json, save_pipeline, small_settings

from synth.errors import WeightsError
from synth.generate import Synthesizer
from synth.images.frozen.controllers import ControllerImager
from synth.images.frozen.controlnet import ControlNetImager
from synth.weights import SHIPPED


def test_which_way_is_the_checkpoints(checkpoints):
    kinds = {kind: type(Synthesizer.load(small_settings(f)).imager) for kind, f in checkpoints.items()}
    assert kinds == {"controlnet": ControlNetImager, "plain": ControllerImager}
    outside = small_settings(checkpoints["plain"], controlnet=checkpoints["controlnet"] / "controlnet")
    assert isinstance(Synthesizer.load(outside).imager, ControlNetImager)


def test_what_went_in_is_digested(checkpoints):
    one = Synthesizer.load(small_settings(checkpoints["controlnet"])).digests
    two = Synthesizer.load(small_settings(checkpoints["plain"])).digests
    assert "images/unet/diffusion_pytorch_model.safetensors" in one
    assert "controlnet/diffusion_pytorch_model.safetensors" in one
    assert {"rough_latents/model.safetensors", "codec/config.json"} <= set(two)
    assert not any(name.startswith("controlnet/") for name in two)
    assert "rough_latents/model.safetensors" not in one
    assert {"anatomy/model.safetensors", "masks/model.safetensors"} <= set(one) & set(two)


def test_what_cannot_be_sampled_is_told_when_it_is_loaded(checkpoints, tmp_path):
    def refused(match, folder=checkpoints["plain"], **changes):
        with pytest.raises(WeightsError, match=match) as told:
            Synthesizer.load(small_settings(folder, **changes))
        assert "\n" not in str(told.value)

    refused("images.size: 72, expected a multiple of 16", size=72)
    refused("images.steps: 900, .*expected 1 to 1000", steps=900)
    inside = checkpoints["controlnet"] / "controlnet"
    refused("images.controlnet: .*expected none with .*images", folder=SHIPPED / "images", controlnet=inside)
    single = tmp_path / "single"
    single.mkdir()
    (single / "model.ckpt").write_bytes(b"")
    refused("images.checkpoint: .*single has no model_index.json, expected", folder=single)
    other = save_pipeline(tmp_path / "other")
    change_json(other / "scheduler" / "scheduler_config.json", prediction_type="sample")
    refused("images.checkpoint: .*prediction_type 'sample', expected", folder=other)
    refused("images.size: 72, expected a multiple of 32", folder=SHIPPED / "images", size=72)
