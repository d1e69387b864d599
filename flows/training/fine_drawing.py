"""Teach the network of fine films: on windows, against the finest heads, held to the film that it refines."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flows.training.adversary import Adversary, hinge
from flows.training.contest import Contest, Rates
from flows.training.film_drawing import HOLD, noises
from flows.training.one_pass_films import OnePassFilms
from synth.images.one_pass.networks import FINE, GRID, SIDE, FilmNetwork, FineNetwork

#: Cells of the grid that a window has, what is drawn around it besides, and windows of each film.
WINDOW, MARGIN, WINDOWS = 16, 1, 2
#: Heads that tell fine films apart: what is coarser than they see, the film decides.
HEADS = 3


class FineDrawing:
    """The network of fine films as it is being taught, ``film`` being frozen; resumable in ``run``."""

    def __init__(self, network: FineNetwork, film: FilmNetwork, adversary: Adversary, run: Path) -> None:
        self.contest, self.film = Contest(network, adversary, run), film.eval().requires_grad_(False)

    def teach(
        self, films: OnePassFilms, batch: int, rates: Rates, seed: int, device: str, resume: bool
    ) -> None:
        """By ``batch`` of the ``films``, of FINE pixels, a step; the contest's average is to be used."""
        self.film.to(device)

        def step_of(step: int, rng: np.random.Generator) -> tuple[float, float]:
            return self._step(films, batch, rng, device)

        self.contest.teach(step_of, rates, seed, device, resume)
        self.film.cpu()

    def _step(
        self, films: OnePassFilms, count: int, rng: np.random.Generator, device: str
    ) -> tuple[float, float]:
        adversary, batch = self.contest.adversary, films.batch(rng, count)
        real, rough, masks, patient = (
            v.to(device) for v in (batch.films, batch.rough, batch.masks, batch.patient)
        )
        with torch.no_grad():
            film, x = self.film(rough, masks, patient, *noises(count, device))
        grain = torch.randn(count, 1, FINE, FINE).to(device)
        corners = rng.integers(MARGIN, GRID - WINDOW - MARGIN + 1, (WINDOWS, count, 2))
        film, x, grain = (_windows(v, corners, MARGIN, WINDOW + 2 * MARGIN) for v in (film, x, grain))
        real, masks = (_windows(v, corners, 0, WINDOW) for v in (real, masks))
        patient = patient.repeat(WINDOWS, 1)
        drawn = _inside(self.contest.network(film, x, grain))
        gain = torch.from_numpy(rng.uniform(0.8, 1.2, (len(drawn), 1, 1, 1))).float().to(device)
        bias = torch.from_numpy(rng.uniform(-0.15, 0.15, (len(drawn), 1, 1, 1))).float().to(device)
        mixed = adversary.mixed(drawn * gain + bias)[0][:HEADS]
        with torch.no_grad():
            truth = adversary.mixed(real * gain + bias)[0][:HEADS]
        told = self.contest.heads_learn(
            lambda: hinge(
                adversary.judge(truth, masks, patient),
                adversary.judge([m.detach() for m in mixed], masks, patient),
            )
        )
        hold = F.l1_loss(F.avg_pool2d(drawn, FINE // SIDE), _inside(film))
        loss = -sum(s.mean() for s in adversary.judge(mixed, masks, patient)) + HOLD * hold
        self.contest.network_learns(loss)
        return told, float(hold.detach())


def _windows(x: Tensor, corners: np.ndarray, before: int, cells: int) -> Tensor:
    """Of (N, C, S, S) a window (C, s, s) of so many ``cells`` for each of ``corners`` (W, N, 2), whose first
    lies ``before`` cells before it: (W · N, C, s, s)."""
    size = x.shape[-1] // GRID
    return torch.stack(
        [
            film[:, y * size : (y + cells) * size, z * size : (z + cells) * size]
            for some in corners - before
            for film, (y, z) in zip(x, some, strict=True)
        ]
    )


def _inside(x: Tensor) -> Tensor:
    """A window (N, C, s, s) without its margin."""
    margin = MARGIN * x.shape[-1] // (WINDOW + 2 * MARGIN)
    return x[..., margin:-margin, margin:-margin]
