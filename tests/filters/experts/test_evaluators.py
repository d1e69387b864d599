"""The evaluators: shapes, what they say, and that they are no copies of the experts."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from filters.experts.configs import LiteConfig, config_of
from filters.experts.embedded import CHECKPOINTS, OPACITY, WEIGHTS
from filters.experts.ensemble import MEMBERS
from filters.experts.evaluators import (
    ANATOMY_EVALUATOR,
    ATTRIBUTE_EVALUATOR,
    FINDING_EVALUATOR,
    AttributeEvaluator,
    FeatureExtractor,
    load_finding_evaluator,
    load_lung_evaluator,
)
from filters.experts.lite_networks import lite_network
from filters.experts.networks import anatomy_network, mobilenet_lung_network, regnet_lung_network
from synth.errors import WeightsError
from synth.findings import FINDING_NAMES
from synth.weights import SUMS, digest


def images(count, size=64):
    return np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)


def sealed(folder, taught, **config):
    save_file(taught.state_dict(), folder / WEIGHTS)
    (folder / "config.json").write_text(json.dumps({"resolution": 64, **config}))
    names = (WEIGHTS, "config.json")
    (folder / SUMS).write_text("".join(f"{digest(folder / n)}  {n}\n" for n in names))
    return folder


def layout(network):
    """Names and shapes of the encoder's convolutions."""
    named = network.named_parameters()
    return {(n, p.shape) for n, p in named if "encoder" in n and p.dim() == 4}


def test_evaluators_share_no_layout_with_the_experts():
    lungs = layout(regnet_lung_network())
    for expert in (anatomy_network(5), mobilenet_lung_network()):
        assert not lungs & layout(expert)
    networks = {name: config_of(CHECKPOINTS / name, LiteConfig).network for name in MEMBERS["findings"]}
    assert config_of(CHECKPOINTS / FINDING_EVALUATOR, LiteConfig).network not in networks.values()


def test_attributes_are_linear_in_standardised_features():
    extractor = FeatureExtractor.load()
    seen = extractor.features(images(20))
    width = seen.shape[1]
    weights = torch.zeros(width, 3, dtype=torch.float64)
    weights[7, 2] = 15
    mean, scale = torch.from_numpy(seen.mean(0)), torch.from_numpy(seen.std(0) + 1e-6)
    bias = torch.tensor([0.5, 1.0, 50.0])
    evaluator = AttributeEvaluator(
        {"mean": mean, "scale": scale, "weights": weights, "bias": bias}, extractor
    )
    said = evaluator.look(images(20))
    assert said.female == pytest.approx(0.5)
    assert said.pa == pytest.approx(1)
    assert said.age.mean() == pytest.approx(50, abs=0.1)
    assert said.age == pytest.approx(50 + 15 * (seen[:, 7] - seen[:, 7].mean()) / seen[:, 7].std(), abs=0.1)
    assert evaluator.features(images(20)).std(0).max() == pytest.approx(1, abs=0.01)


def test_an_image_is_seen_alike_alone_and_in_a_batch():
    extractor = FeatureExtractor.load()
    assert np.allclose(extractor.features(images(20))[:2], extractor.features(images(20)[:2]), atol=1e-4)


def test_a_readout_of_other_encoders_is_refused(tmp_path):
    shipped = CHECKPOINTS / ATTRIBUTE_EVALUATOR
    (tmp_path / WEIGHTS).write_bytes((shipped / WEIGHTS).read_bytes())
    config = json.loads((shipped / "config.json").read_text())
    config["encoders"][FINDING_EVALUATOR] = "0" * 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    names = (WEIGHTS, "config.json")
    (tmp_path / SUMS).write_text("".join(f"{digest(tmp_path / n)}  {n}\n" for n in names))
    with pytest.raises(WeightsError, match="was fitted to") as error:
        AttributeEvaluator.load(tmp_path)
    assert "\n" not in str(error.value)


def test_the_lung_evaluator_answers_as_the_expert_does(tmp_path):
    folder = sealed(tmp_path, regnet_lung_network(), structures=["right_lung", "left_lung"])
    opinion = load_lung_evaluator(folder).look(images(1, 128))[0]
    assert opinion.structures == ("right_lung", "left_lung")
    assert opinion.mask("right_lung").shape == (128, 128)
    assert opinion.mask("heart") is None


def test_the_finding_evaluator_answers_as_the_expert_does(tmp_path):
    about = {"network": "lite2", "findings": list(FINDING_NAMES), "trusted": []}
    folder = sealed(tmp_path, lite_network("lite2"), **about, calibration={}, map_calibration={})
    opinion = load_finding_evaluator(folder).look(images(1, 128))[0]
    assert set(opinion.probabilities) == {*FINDING_NAMES, OPACITY}
    assert opinion.lesions["nodule"].shape == (128, 128)


def test_weights_without_a_pin_are_refused(tmp_path):
    sealed(tmp_path, regnet_lung_network(), structures=["right_lung", "left_lung"])
    (tmp_path / SUMS).write_text(f"{digest(tmp_path / 'config.json')}  config.json\n")
    with pytest.raises(WeightsError, match=r"does not name model\.safetensors"):
        load_lung_evaluator(tmp_path)


def test_the_shipped_evaluators_load_and_are_small():
    load_lung_evaluator()
    load_finding_evaluator()
    AttributeEvaluator.load()
    assert (CHECKPOINTS / ANATOMY_EVALUATOR / WEIGHTS).stat().st_size <= 2_000_000
    assert (CHECKPOINTS / ATTRIBUTE_EVALUATOR / WEIGHTS).stat().st_size <= 200_000
    assert (CHECKPOINTS / FINDING_EVALUATOR / WEIGHTS).stat().st_size <= 12_000_000
