"""Films of noise for the trainings of the one-pass model, and whether such a training resumes."""

import numpy as np
import torch

from flows.training.one_pass_films import OnePassFilms
from synth.images.one_pass.networks import MASKS


def noise_films(side, count):
    """``count`` of ``side`` pixels, each finding absent or outlined by chance."""
    rng = np.random.default_rng(0)
    return OnePassFilms(
        images=rng.integers(0, 255, (count, side, side), np.uint8),
        masks=rng.integers(0, 255, (count, MASKS, 64, 64), np.uint8),
        state=rng.integers(0, 2, (count, 13)).astype(np.uint8),
        patient=rng.random((count, 3), np.float32),
        odds=np.full(count, 1 / count),
    )


def check_resumes(taught, folder, monkeypatch):
    """``taught(run, steps, resume)`` in one go and in two gives the same weights.

    Rates follow a schedule of all the steps; they are kept still, since the first go is told of fewer.
    """
    monkeypatch.setattr("flows.training.contest._rate", lambda step, steps: 1.0)
    whole = taught(folder / "whole", 2, False)
    taught(folder / "parts", 1, False)
    parts = taught(folder / "parts", 2, True)
    averages = (d.contest.average.state_dict().values() for d in (whole, parts))
    for a, b in zip(*averages, strict=True):
        assert torch.equal(a, b)
