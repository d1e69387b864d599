"""A prepared folder as a training reads it."""

from hashlib import sha256

import numpy as np
import pytest
import torch
from small_prepared import COUNT, SIZE, drawn

from flows.training.prepared_films import Films, is_held_out
from flows.training.recipes.controlnet import load_base


def test_films_are_read_as_they_were_written(data, base):
    found = load_base(base, "cpu")
    denoiser, films = found.base, Films(data, found.base, found.colours)
    assert found.colours == 3
    assert films.size == SIZE
    assert films.hashes == sorted(films.hashes)
    by_hash = {drawn(i).sha256: drawn(i) for i in range(COUNT)}
    for i in (0, 7):
        film = by_hash[films.hashes[i]]
        wanted = np.concatenate([film.masks.anatomy, film.masks.lesion_channels()])
        assert np.array_equal(films.masks([i])[0].numpy(), wanted)
        grey = torch.from_numpy(film.image).float() / 127.5 - 1
        with torch.no_grad():
            latent = denoiser.encode(grey.expand(1, 3, -1, -1))[0]
        assert torch.allclose(films.latents([i])[0], latent, atol=2e-3)
    assert torch.equal(films.latents([7, 0])[1], films.latents([0])[0])


def test_the_last_tenth_of_hashes_is_held_out():
    hashes = [sha256(str(i).encode()).hexdigest() for i in range(5000)]
    assert np.mean([is_held_out(h) for h in hashes]) == pytest.approx(0.1, abs=0.015)
    assert not is_held_out("e6" + "0" * 62)
    assert is_held_out("e7" + "0" * 62)
    assert is_held_out("f" * 64)
