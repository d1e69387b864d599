"""Spaces of comparison: fixed, and finite."""

import numpy as np

from flows.evaluation.features import Projection, RandomDenseNet


def test_the_random_network_is_always_the_same_and_leaves_other_randomness_alone():
    import torch

    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
    torch.manual_seed(1)
    a = RandomDenseNet(64).features(images)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    b = RandomDenseNet(64).features(images)
    torch.manual_seed(1)
    assert np.array_equal(a, b)
    assert torch.equal(drawn, torch.rand(1))
    assert np.isfinite(a).all()
    assert a.std(0).max() > 0


def test_a_projection_keeps_the_widest_axes():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200, 6)) * (1, 9, 1, 5, 1, 1)
    axes = Projection.fit(points, 2)
    assert np.abs(axes.axes).argmax(1).tolist() == [1, 3]
    assert axes(points).shape == (200, 2)
    assert np.allclose(axes(points).mean(0), 0)
