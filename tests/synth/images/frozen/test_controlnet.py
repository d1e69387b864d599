"""What a ControlNet is told, and what a pass with one predicts."""

import shutil

import numpy as np
import torch
from diffusers import StableDiffusionControlNetPipeline
from small_pipelines import change_json, small_settings

from synth.cases import Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES
from synth.generate import Synthesizer
from synth.images.frozen import controlnet
from synth.images.frozen.base import sample_seeds
from synth.images.frozen.blending import NoiseStreams, Solver

CASES = [
    Case("000000000", 7, "Right consolidation.", (FindingRequest("consolidation", "right"),)),
    Case("000000001", 7, "Normal chest."),
]


def test_a_controlnet_is_told_anatomy_then_lesions():
    anatomy, lesion = np.zeros((len(ANATOMY), 64, 64), bool), np.zeros((64, 64), bool)
    anatomy[3, 8:16], lesion[40:50] = True, True
    told = controlnet.mask_channels([MaskSet(anatomy, (Lesion("mass", lesion),))])[0]
    assert told.shape == (18, 64, 64)
    assert torch.equal(told[3], torch.from_numpy(anatomy[3]).float())
    at = len(ANATOMY) + FINDING_NAMES.index("mass")
    assert torch.equal(told[at], torch.from_numpy(lesion).float())
    assert told.sum() == told[3].sum() + told[at].sum()


def test_steps_are_those_of_diffusers_own_pipeline(checkpoints, tmp_path, monkeypatch):
    """To a few millionths, at the first order and from the same noise."""
    folder = shutil.copytree(checkpoints["controlnet"], tmp_path / "copy")
    change_json(folder / "scheduler" / "scheduler_config.json", set_alpha_to_one=True)  # ours end there
    maker = Synthesizer.load(small_settings(folder, steps=10, batch_size=2))
    masks, base = [maker.masks(case) for case in CASES], maker.imager.base
    monkeypatch.setattr(controlnet, "Solver", lambda: Solver(second_order=False))
    ours = maker.imager.latents(base, CASES, masks, maker.settings)

    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        folder, safety_checker=None, feature_extractor=None, local_files_only=True, low_cpu_mem_usage=False
    )
    pipeline.check_inputs = lambda *args, **named: None  # it expects pictures of three colours
    pipeline.prepare_image = lambda image, **named: torch.cat([image] * 2)
    pipeline.set_progress_bar_config(disable=True)
    noise = NoiseStreams(sample_seeds(CASES), "controlnet").normal((4, 8, 8))
    theirs = pipeline(
        prompt=[case.prompt for case in CASES],
        image=controlnet.mask_channels(masks),
        latents=noise * base.schedule.levels(10)[0].sigma,
        num_inference_steps=10,
        guidance_scale=4.0,
        output_type="latent",
        height=64,
        width=64,
    ).images
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert theirs.abs().max() > 0.5


def test_the_controlnet_has_its_say(checkpoints):
    maker = Synthesizer.load(small_settings(checkpoints["controlnet"]))
    masks, imager = [maker.masks(case) for case in CASES], maker.imager
    swapped = imager.latents(imager.base, CASES, masks[::-1], maker.settings)
    ours = imager.latents(imager.base, CASES, masks, maker.settings)
    assert (ours - swapped).abs().mean() > 0.01
