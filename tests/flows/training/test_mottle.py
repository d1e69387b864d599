"""Mottle is as loud as what drawn films lack."""

import numpy as np
import pytest
import torch
from torch import nn

from flows.training.mottle import _powers, fit_mottle
from flows.training.one_pass_films import OnePassFilms
from synth.images.codec import band_windows
from synth.images.one_pass.model import OnePassModel, noise_shapes
from synth.images.one_pass.networks import MASKS, FilmNetwork
from synth.settings import SynthesisSettings


class Grey(nn.Module):
    """A diffusion whose films are grey."""

    def forward(self, x, t, masks, patient):
        return x / t[:, None, None, None]


@pytest.mark.parametrize("side", [256, 512])
def test_drawn_films_have_the_power_of_real_ones_once_it_is_fitted(side):
    """Drawn films are grey, real ones noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(150, 12, (4, side, side)).clip(0, 255).astype(np.uint8)
    films = OnePassFilms(
        images=noise,
        masks=rng.integers(0, 255, (4, MASKS, 64, 64), np.uint8),
        state=np.zeros((4, 13), np.uint8),
        patient=rng.random((4, 3), np.float32),
        odds=np.full(4, 1 / 4),
    )
    torch.manual_seed(0)
    model = OnePassModel(Grey(), FilmNetwork().eval())
    for grey in (model.film.grey128, model.film.grey256, model.film.grey512):
        nn.init.zeros_(grey.weight)
        nn.init.zeros_(grey.bias)
    fit_mottle(model, films, np.random.default_rng(0), batches=2)
    batch = films.batch(np.random.default_rng(1), 8, varied=0)
    noises = [torch.randn(8, *shape) for shape in noise_shapes(side).values()]
    drawn = model.sample(batch.masks, batch.patient, noises, SynthesisSettings(size=side, steps=2))
    ours, theirs = _powers(torch.from_numpy(drawn)[:, None] / 127.5 - 1), _powers(batch.films)
    for band in band_windows(batch.films)[3:]:
        assert 0.6 < float(ours[band > 0.5].sum() / theirs[band > 0.5].sum()) < 1.4
