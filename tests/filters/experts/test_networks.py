"""The experts' networks have the shapes that their docstrings promise and no idle weights."""

import torch

from filters.experts.networks import anatomy_network, regnet_finding_network
from synth.findings import FINDING_NAMES


def test_shapes():
    x = torch.zeros(2, 1, 64, 64)
    assert anatomy_network(5).eval()(x).shape == (2, 5, 64, 64)
    lesions, findings = regnet_finding_network().eval()(x)
    assert lesions.shape == (2, len(FINDING_NAMES), 32, 32)
    assert findings.shape == (2, len(FINDING_NAMES) + 1)


def test_every_weight_is_reached():
    network = regnet_finding_network()
    lesions, findings = network(torch.randn(2, 1, 64, 64))
    (lesions.sum() + findings.sum()).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []
