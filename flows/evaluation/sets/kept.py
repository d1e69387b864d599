"""What networks said of films, kept by the films' content, so that a run that was interrupted goes on."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from rich.console import Console

from flows.config.terminal import tracked

#: Films that a network is asked about at a time, and how many are new when a file is written again.
CHUNK, SAVE_EVERY = 32, 256


def keys_of(images: np.ndarray) -> list[str]:
    """A digest of each film (N, S, S) uint8, its size included."""
    size = repr(images.shape[1:]).encode()
    return [blake2b(np.ascontiguousarray(i).tobytes(), key=size, digest_size=16).hexdigest() for i in images]


class Kept:
    """Rows of numbers by film, a file in ``folder`` for each network: ``keys`` (N,) str, ``rows`` (N, K)."""

    def __init__(self, folder: Path, console: Console) -> None:
        self.folder, self.console = folder, console

    def rows(
        self, name: str, digest: str, images: np.ndarray, ask: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """(N, K): what ``ask`` gives of ``images`` (N, S, S) uint8, asked only of those not known.

        ``name`` and ``digest`` say which network, and what of it.
        """
        path = self.folder / f"{name}-{digest[:16]}.npz"
        known, keys = self._read(path), keys_of(images)
        missing = [i for i, key in enumerate(keys) if key not in known]
        starts, unsaved = range(0, len(missing), CHUNK), 0
        for start in tracked(starts, name.replace("_", " "), len(starts), self.console):
            some = missing[start : start + CHUNK]
            known |= {keys[i]: row for i, row in zip(some, ask(images[some]), strict=True)}
            unsaved += len(some)
            if unsaved >= SAVE_EVERY or start + CHUNK >= len(missing):
                self._write(path, known)
                unsaved = 0
        return np.stack([known[k] for k in keys])

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(zip(arrays["keys"].tolist(), arrays["rows"], strict=True))
        except (OSError, ValueError, KeyError, EOFError):
            return {}  # not there, or no file of ours: made again

    def _write(self, path: Path, known: dict[str, np.ndarray]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp.npz")
        keys: Sequence[str] = list(known)
        np.savez(temporary, keys=np.array(keys), rows=np.stack([known[k] for k in keys]))
        temporary.replace(path)
