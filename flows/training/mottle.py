"""How loud the mottle of the one-pass model's films is: fitted, not taught."""

import numpy as np
import torch
from torch import Tensor

from flows.training.one_pass_films import OnePassFilms
from synth.images.codec import BANDS, band_windows
from synth.images.one_pass.model import OnePassModel, noise_shapes
from synth.images.one_pass.networks import SHARP, exposed
from synth.settings import ONE_PASS, SynthesisSettings

#: Batches of eight films that are compared.
BATCHES = 24
#: The first band that has mottle: what films lack in coarser ones are shapes.
FIRST = 3


@torch.inference_mode()
def fit_mottle(
    model: OnePassModel, films: OnePassFilms, rng: np.random.Generator, batches: int = BATCHES
) -> None:
    """Set how loud mottle is at the films' size: in each band, what drawn films lack of real ones' power.

    Films are drawn as the product draws them, of the same masks and patients. Of a band's frequencies the
    middle one says what is missing, so that single ones of great power, as letters and lines have, do not.
    """
    side = films.images.shape[-1]
    loudness = model.film.sharp_loudness if side == SHARP else model.film.loudness
    loudness.zero_()
    settings = SynthesisSettings(size=side, steps=ONE_PASS.steps)
    real, drawn, shown = (torch.zeros(side, side // 2 + 1) for _ in range(3))
    for _ in range(batches):
        batch = films.batch(rng, 8, varied=0)
        shapes = noise_shapes(side).values()
        made = model.sample(batch.masks, batch.patient, [torch.randn(8, *s) for s in shapes], settings)
        ours = torch.from_numpy(made)[:, None] / 127.5 - 1
        real += _powers(batch.films)
        drawn += _powers(ours)
        shown += _powers(exposed(ours) * torch.randn(ours.shape))
    missing, windows = ((real - drawn) / shown).clamp(min=0), band_windows(real[:, :1].expand(side, side))
    for band in range(FIRST, BANDS):
        loudness[band] = missing[windows[band] > 0.5].median().sqrt()


def _powers(films: Tensor) -> Tensor:
    """(S, S / 2 + 1): sum over films (N, 1, S, S) of their power under a Hann window."""
    window = torch.hann_window(films.shape[-1], periodic=False)
    x = (films - films.mean((2, 3), keepdim=True)) * window * window[:, None]
    return torch.fft.rfft2(x[:, 0]).abs().square().sum(0)
