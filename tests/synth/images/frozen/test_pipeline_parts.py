"""Parts are what was saved, in every layout that is read; what fits nothing else is told in one line."""

import json
import logging
import sys

import pytest
import torch
from diffusers import ControlNetModel, PNDMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from small_pipelines import change_json

from synth.errors import WeightsError
from synth.images.frozen.pipeline_parts import PipelineParts
from synth.images.frozen.pipelines import PipelineFolder

UNET = "unet/diffusion_pytorch_model.safetensors"


def load(folder):
    return PipelineParts.load(PipelineFolder.read(folder))


def refused(folder, match):
    with pytest.raises(WeightsError, match=match) as told:
        load(folder)
    assert "\n" not in str(told.value)


def test_parts_are_those_that_diffusers_loads(folder):
    parts = load(folder)
    theirs = StableDiffusionPipeline.from_pretrained(
        folder, safety_checker=None, feature_extractor=None, local_files_only=True, low_cpu_mem_usage=False
    )
    for name in ("unet", "vae", "text_encoder"):
        ours = getattr(parts, name)
        assert not ours.training
        assert not any(p.requires_grad for p in ours.parameters())
        expected = getattr(theirs, name).state_dict()
        assert all(torch.equal(v, expected[k]) for k, v in ours.state_dict().items()), name
    text = ["Left nodule, 63-year-old woman."]
    assert parts.tokenizer(text)["input_ids"] == theirs.tokenizer(text)["input_ids"]
    assert parts.tokenizer.model_max_length == 77
    assert parts.scheduler.config["prediction_type"] == "v_prediction"
    assert parts.controlnet.config["conditioning_channels"] == 18


def test_no_more_tokens_are_read_than_the_text_encoder_has_places_for(folder):
    change_json(folder / "tokenizer" / "tokenizer_config.json", model_max_length=None)
    assert load(folder).tokenizer.model_max_length == 77


def test_shards_and_half_precision_load_as_the_whole_does(folder):
    expected = load(folder).unet.state_dict()
    tensors, unet = load_file(folder / UNET), folder / "unet"
    (folder / UNET).unlink()
    names = [f"diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    where = {key: names[i % 2] for i, key in enumerate(tensors)}
    for name in names:
        save_file({k: v for k, v in tensors.items() if where[k] == name}, unet / name, {"format": "pt"})
    index = unet / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    assert all(torch.equal(v, expected[k]) for k, v in load(folder).unet.state_dict().items())
    index.unlink()
    half = {k: v.half() for k, v in tensors.items()}
    save_file(half, unet / "diffusion_pytorch_model.fp16.safetensors", {"format": "pt"})
    found = load(folder).unet.state_dict()
    assert all(v.dtype == torch.float32 for v in found.values())
    assert all(torch.allclose(v, expected[k], atol=1e-3) for k, v in found.items())


PARTS = [
    ("unet", UNET, "conv_in.weight"),
    ("vae", "vae/diffusion_pytorch_model.safetensors", "decoder.conv_in.weight"),
    ("text_encoder", "text_encoder/model.safetensors", "embeddings.token_embedding.weight"),
]


@pytest.mark.parametrize(("part", "path", "name"), PARTS)
def test_a_missing_tensor_is_told_not_made_up(folder, capfd, part, path, name):
    tensors = load_file(folder / path)
    del tensors[name]
    save_file(tensors, folder / path, {"format": "pt"})
    refused(folder, f"images.checkpoint: .*{part} lacks 1 tensors, {name} among them")
    assert "MISSING" not in "".join(capfd.readouterr()), "told once"


@pytest.mark.parametrize(("part", "path", "name"), PARTS)
def test_a_tensor_of_another_shape_is_told(folder, part, path, name):
    tensors = load_file(folder / path)
    tensors[name] = torch.zeros(3, 3)
    save_file(tensors, folder / path, {"format": "pt"})
    refused(folder, f"images.checkpoint: .*{part} cannot be loaded: ")


def test_names_of_older_files_are_known(folder):
    """As Stable Diffusion 2.1 is published: a prefix and a buffer, and the VAE's attention."""
    expected = load(folder)
    text, vae = (folder / path for _, path, _ in PARTS[:0:-1])
    tensors = {f"text_model.{name}": value for name, value in load_file(text).items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(tensors, text, {"format": "pt"})
    tensors = load_file(vae)
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        tensors = {
            name.replace(f"attentions.0.{new}", f"attentions.0.{old}"): v for name, v in tensors.items()
        }
    assert "encoder.mid_block.attentions.0.query.weight" in tensors
    save_file(tensors, vae, {"format": "pt"})
    found = load(folder)
    for name in ("vae", "text_encoder"):
        theirs = getattr(expected, name).state_dict()
        assert all(torch.equal(v, theirs[k]) for k, v in getattr(found, name).state_dict().items())


def test_broken_weights_are_told(folder):
    (folder / UNET).write_bytes(b"no safetensors")
    refused(folder, "images.checkpoint: .*unet cannot be loaded: ")


def test_an_unknown_scheduler_is_told(folder):
    change_json(folder / "scheduler" / "scheduler_config.json", _class_name="Nonesuch")
    refused(folder, "scheduler cannot be loaded: _class_name Nonesuch, expected a scheduler of diffusers")


def test_the_scheduler_is_the_folders(folder):
    PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True).save_pretrained(folder / "scheduler")
    assert isinstance(load(folder).scheduler, PNDMScheduler)


def test_a_controlnet_of_another_unet_is_told(folder):
    content = json.loads((folder / "controlnet" / "config.json").read_text())
    ControlNetModel.from_config(content | {"cross_attention_dim": 32}).save_pretrained(folder / "controlnet")
    refused(folder, r"images.controlnet: .*cross_attention_dim 32, expected the checkpoint's 16")


@pytest.mark.parametrize("variant", ["bf16", "non_ema"])
def test_other_variants_load_as_the_whole_does(folder, variant):
    expected = load(folder).unet.state_dict()
    tensors = load_file(folder / UNET)
    half = {name: t.bfloat16() if variant == "bf16" else t for name, t in tensors.items()}
    save_file(half, folder / UNET.replace(".safe", f".{variant}.safe"), {"format": "pt"})
    (folder / UNET).unlink()
    found = load(folder).unet.state_dict()
    assert all(t.dtype == torch.float32 for t in found.values())
    assert all(torch.allclose(found[name], t, rtol=0.01, atol=1e-3) for name, t in expected.items())


@pytest.fixture
def heard(capfd, monkeypatch):
    """What the libraries say, which keep the stream that there was when they were imported."""
    for library in ("diffusers", "transformers"):
        for handler in logging.getLogger(library).handlers:
            if type(handler) is logging.StreamHandler:  # none of pytest's
                monkeypatch.setattr(handler, "stream", sys.stderr)
    return lambda: "".join(capfd.readouterr())


@pytest.mark.parametrize(("part", "path", "name"), PARTS)
def test_tensors_that_nothing_asks_for_are_told_in_one_line(folder, heard, part, path, name):
    tensors = load_file(folder / path)
    tensors["time_embedding.cond_proj.weight"] = torch.zeros(3, 3)
    save_file(tensors, folder / path, {"format": "pt"})
    refused(folder, f"{part} holds 1 tensors too many, time_embedding.cond_proj.weight among them, expected")
    assert heard() == "", "and not by the libraries"


def test_fields_that_no_config_has_are_not_told_by_the_libraries(folder, heard):
    change_json(folder / "unet" / "config.json", something_new=3)
    load(folder)
    assert heard() == ""
