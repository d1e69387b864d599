"""Experts on EfficientNet-Lite speak like the others, and have a map of opacity besides."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from filters.experts.lite import LiteExpert, resized
from filters.experts.lite_networks import folded, lite_network, peaks
from flows.training.sealing import pin, write_config, write_tensors


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return lite_network("lite0").eval()


def test_maps_and_logits_of_findings_and_opacity(network):
    with torch.inference_mode():
        features = network.encode(torch.zeros(2, 1, 64, 64))
        maps, logits = network.heads(features)
    assert maps.shape == (2, 14, 16, 16)
    assert logits.shape == (2, 14)
    assert features[-1].shape[2:] == (2, 2)


def test_an_expert_from_its_folder_says_what_its_config_names(network, tmp_path):
    write_tensors(tmp_path / "model.safetensors", network.state_dict(), half=True)
    config = {"network": "lite0", "resolution": 64, "findings": ["mass", "nodule"], "trusted": ["mass"]}
    dark = {"mass": {"scale": 1.0, "bias": -50.0}}
    write_config(tmp_path / "config.json", config | {"map_calibration": dark, "calibration": {}})
    pin(tmp_path)
    expert = LiteExpert.read(tmp_path)
    assert expert.doubted == {"nodule"}
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    opinions = expert.look(images)
    for opinion in opinions:
        assert set(opinion.probabilities) == set(opinion.lesions) == {"mass", "nodule", "opacity"}
        assert opinion.doubted == {"nodule"}
        assert opinion.unplaced == {"nodule"}
        assert opinion.lesions["opacity"].shape == (48, 48)
        assert opinion.lesions["mass"].max() < 1e-6 < opinion.lesions["nodule"].max()
    alone = expert.look(images[1:2])[0]
    assert alone.probabilities == opinions[1].probabilities  # its place in the batch changes nothing
    assert expert.features(images).shape == (3, 320 * 16)


def test_an_expert_without_calibrated_maps_vouches_for_all_of_them(network):
    (opinion,) = LiteExpert(network, 64, ["mass", "nodule"]).look(np.zeros((1, 48, 48), np.uint8))
    assert opinion.unplaced == frozenset()


def test_a_small_image_is_enlarged_smoothly():
    ramp = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[None, :, None], 16, axis=2)
    large = resized(ramp, 32)[0, 0, :, 0]
    assert len(large.unique()) > 16
    assert (large.diff() >= 0).all()
    assert torch.equal(resized(ramp, 16)[0, 0, :, 0], torch.arange(0, 256, 16) / 127.5 - 1)


def test_the_peak_of_a_map_is_that_of_its_neighbourhood():
    maps = torch.zeros(1, 2, 9, 9)
    maps[0, 0, 4, 4] = 9.0
    maps[0, 1, 3:6, 3:6] = 2.0
    assert peaks(maps).tolist() == [[1.0, 2.0]]


def test_a_folded_network_says_the_same(network):
    taught = deepcopy(network)
    for norm in (m for m in taught.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
    with torch.inference_mode():
        x = torch.rand(1, 1, 64, 64)
        before = taught(x)
        after = folded(taught)(x)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in taught.modules())
    for ours, theirs in zip(before, after, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(ours.abs().max()))
