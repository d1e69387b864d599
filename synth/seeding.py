"""Seeds: a sample depends on the build's seed, its key and the stage, and on nothing else."""

from hashlib import blake2b

import numpy as np


def derive_seed(build_seed: int, key: str, stage: str) -> int:
    """A seed in [0, 2**63) for one stage of one sample, equal on every machine and in every order."""
    text = f"{build_seed}/{key}/{stage}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


def numpy_generator(build_seed: int, key: str, stage: str) -> np.random.Generator:
    """A NumPy generator (PCG64) for one stage of one sample."""
    return np.random.Generator(np.random.PCG64(derive_seed(build_seed, key, stage)))
