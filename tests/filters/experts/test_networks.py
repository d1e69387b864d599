"""The anatomy experts' networks have the shapes that their docstrings promise and no idle weights."""

import pytest
import torch

from filters.experts.networks import anatomy_network, mobilenet_lung_network, regnet_lung_network

NETWORKS = [(lambda: anatomy_network(5), 5), (mobilenet_lung_network, 2), (regnet_lung_network, 2)]


@pytest.mark.parametrize(("make", "structures"), NETWORKS)
def test_shapes_and_every_weight_is_reached(make, structures):
    network = make()
    said = network(torch.randn(2, 1, 64, 64))
    assert said.shape == (2, structures, 64, 64)
    said.sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []
