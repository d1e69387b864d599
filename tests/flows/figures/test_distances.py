"""Distances agree with the implementations that papers use, to 1e-4; multiplicities are copies."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from flows.figures import distances
from flows.figures.distances import Products, frechet

SHAPES = [(80, 64, 12), (60, 90, 200), (300, 300, 16)]


@pytest.fixture(params=SHAPES, ids=str)
def sets(request):
    n, m, d = request.param
    rng = np.random.default_rng(n)
    mix = rng.standard_normal((d, d)) / np.sqrt(d)
    return rng.standard_normal((n, d)) @ mix, rng.standard_normal((m, d)) @ mix * 1.2 + 0.3


def frechet_of(a, b, *w):
    return distances.frechet_of(Products.of(a, b), *w)


def kernel_distance(a, b, *w):
    return distances.kernel_distance(Products.of(a, b), *w)


def neighbourhoods(a, b, *w, **k):
    return distances.neighbourhoods(Products.of(a, b), *w, **k)


class Given(torch.nn.Module):
    """Features that are given: what torchmetrics takes for a network."""

    def __init__(self, dimensions):
        super().__init__()
        self.num_features = dimensions

    def forward(self, x):
        return x


def test_frechet_is_that_of_scipy_and_of_frd_score(sets):
    from frd_score.frd import calculate_frechet_distance

    a, b = sets
    moments = [m for x in sets for m in (x.mean(0), np.cov(x, rowvar=False))]
    ca, cb = moments[1], moments[3]
    root = np.real(np.trace(sqrtm(ca @ cb)))
    exact = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * root
    assert frechet(a, b) == pytest.approx(exact, rel=1e-4)
    assert frechet_of(a, b) == pytest.approx(frechet(a, b), rel=1e-9)
    if min(len(a), len(b)) > a.shape[1]:  # the root of a singular product is not what it says
        assert frechet(a, b) == pytest.approx(calculate_frechet_distance(*moments), rel=1e-4)


def test_frechet_is_that_of_torchmetrics(sets):
    from torchmetrics.image.fid import FrechetInceptionDistance

    a, b = sets
    metric = FrechetInceptionDistance(feature=Given(a.shape[1]), normalize=True).set_dtype(torch.float64)
    for x, real in ((a, True), (b, False)):
        metric.update(torch.from_numpy(x), real=real)
    assert frechet(a, b) == pytest.approx(float(metric.compute()), rel=1e-4)


def test_kernel_distance_is_that_of_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((90, 40)), rng.standard_normal((90, 40)) + 0.2
    expected = float(poly_mmd(torch.from_numpy(a), torch.from_numpy(b)))
    assert kernel_distance(a, b) == pytest.approx(expected, abs=1e-4, rel=1e-4)
    metric = KernelInceptionDistance(feature=Given(40), subset_size=90, subsets=1, normalize=True)
    for x, real in ((a, True), (b, False)):
        metric.update(torch.from_numpy(x), real=real)
    assert kernel_distance(a, b) == pytest.approx(float(metric.compute()[0]), abs=1e-4, rel=1e-3)


def test_neighbourhoods_are_those_of_prdc(sets, capsys):
    from prdc import compute_prdc

    for k in (1, 3, 5):
        expected = compute_prdc(real_features=sets[0], fake_features=sets[1], nearest_k=k)
        assert vars(neighbourhoods(*sets, neighbours=k)) == pytest.approx(expected, abs=1e-4)


def test_multiplicities_are_copies(sets):
    a, b = sets
    rng = np.random.default_rng(1)
    wa, wb = rng.integers(0, 4, len(a)), rng.integers(0, 4, len(b))
    assert frechet_of(a, b, wa, wb) == pytest.approx(frechet(np.repeat(a, wa, 0), np.repeat(b, wb, 0)))
    ones = np.ones(len(a)), np.ones(len(b))
    assert kernel_distance(a, b, *ones) == pytest.approx(kernel_distance(a, b))
    assert neighbourhoods(a, b, *ones) == neighbourhoods(a, b)
    kept = np.arange(len(a)) % 2, np.arange(len(b)) % 3 > 0
    assert neighbourhoods(a, b, *kept) == neighbourhoods(a[kept[0] > 0], b[kept[1] > 0])


def test_a_kernel_distance_drawn_anew_is_not_biased():
    """Two copies of a film are no pair: else sets that are drawn would seem to hang together."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((60, 8)), rng.standard_normal((60, 8)) + 0.5
    drawn = [
        kernel_distance(a, b, *(np.bincount(rng.integers(60, size=60), minlength=60) for _ in "ab"))
        for _ in range(400)
    ]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert np.mean(drawn) == pytest.approx(kernel_distance(a, b), abs=4 * error)


def test_too_few_points_have_no_neighbourhood():
    with pytest.raises(ValueError, match="5 points, expected more than 5"):
        neighbourhoods(np.eye(5), np.eye(5))
