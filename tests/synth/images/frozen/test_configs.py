"""Networks that want to be told more than anything here tells them are refused by their config's field."""

import pytest
from small_pipelines import change_json

from synth.errors import WeightsError
from synth.images.frozen.pipelines import PipelineFolder

REFUSED = [
    (
        "unet",
        {"time_cond_proj_dim": 256},
        "time_cond_proj_dim is 256, expected none: .* of guidance",
    ),
    ("unet", {"class_embed_type": "timestep"}, "class_embed_type is 'timestep', expected none"),
    (
        "unet",
        {"num_class_embeds": 1000},
        "num_class_embeds is 1000, expected none: .* told a class",
    ),
    ("unet", {"addition_embed_type": "text_time"}, "addition_embed_type is 'text_time', expected none"),
    ("unet", {"encoder_hid_dim_type": "text_proj"}, "encoder_hid_dim_type is 'text_proj', expected none"),
    ("vae", {"shift_factor": 0.1159}, "shift_factor is 0.1159, expected none: .* a shift of its latents"),
    ("vae", {"latents_mean": [0.0] * 4}, "latents_mean is .*, expected none"),
    (
        "controlnet",
        {"class_embed_type": "projection"},
        "controlnet: .*class_embed_type is 'projection'",
    ),
    (
        "controlnet",
        {"controlnet_conditioning_channel_order": "bgr"},
        "is bgr, expected rgb: masks would be told in reverse",
    ),
]


@pytest.mark.parametrize(("part", "changes", "message"), REFUSED)
def test_a_network_that_has_to_be_told_more_is_refused_before_it_is_loaded(folder, part, changes, message):
    change_json(folder / part / "config.json", **changes)
    with pytest.raises(WeightsError, match=message) as told:
        PipelineFolder.read(folder)
    assert "\n" not in str(told.value)
    assert str(folder / part) in str(told.value)


@pytest.mark.parametrize("kind", ["LCMScheduler", "TCDScheduler"])
def test_a_distilled_models_scheduler_is_refused(folder, kind):
    change_json(folder / "scheduler" / "scheduler_config.json", _class_name=kind)
    with pytest.raises(WeightsError, match=f"scheduler is a {kind}, expected that of a model that was not"):
        PipelineFolder.read(folder)
