"""A prepared folder as a ControlNet's training reads it: films, masks and prompts, one batch at a time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from manifests.errors import DatasetError
from manifests.films.prepared import read_prepared
from manifests.members import decode_anatomy, decode_lesions, decode_png
from manifests.store import Store
from synth.images.denoisers import FrozenDenoiser

#: Share of films that is held out, by the hash of their source: patients are not known.
HELD_OUT = 0.1

_COLUMNS = ("sha256", "size", "prompt", "image", "anatomy", "lesions")


def is_held_out(sha256: str) -> bool:
    """Whether a source's SHA-256 (hexadecimal) falls in the last tenth of all hashes."""
    return int(sha256[:8], 16) / 16**8 >= 1 - HELD_OUT


class Films:
    """The films of a prepared folder, in the order of their hashes, whatever they were called.

    ``size`` pixels a side, the same for all. ``taught`` and ``held`` are indices of films to train on and
    of those held out. Latents are kept once they were made, in float16 (8 KiB each at 256 pixels); pictures
    are read when they are needed.
    """

    def __init__(self, folder: Path, base: FrozenDenoiser, colours: int) -> None:
        rows = sorted(read_prepared(folder, _COLUMNS), key=lambda row: row["sha256"])
        if not rows:
            raise DatasetError(f"{folder}: no prepared film, expected at least one")
        self.store, self.base, self.colours = Store(folder), base, colours
        self.hashes = [row["sha256"] for row in rows]
        self.prompts = [row["prompt"] for row in rows]
        self.size = int(rows[0]["size"])
        self._images = [row["image"] for row in rows]
        self._masks = [(row["anatomy"], row["lesions"]) for row in rows]
        held = np.array([is_held_out(h) for h in self.hashes])
        self.taught, self.held = np.flatnonzero(~held), np.flatnonzero(held)
        if not len(self.taught):
            raise DatasetError(f"{folder}: all {len(rows)} films are held out, expected some to train on")
        self._latents: dict[int, Tensor] = {}

    def masks(self, which: Sequence[int] | np.ndarray) -> Tensor:
        """(N, CONTROLS, S, S) float32, 0 or 1: anatomy, then lesions
        (:data:`synth.images.frozen.pipelines.CONTROLS`)."""
        stacks = []
        for i in which:
            anatomy, lesions = (self.store.read(name) for name in self._masks[int(i)])
            stacks.append(np.concatenate([decode_anatomy(anatomy), decode_lesions(lesions)]))
        return torch.from_numpy(np.stack(stacks)).float().to(self.base.device)

    def latents(self, which: Sequence[int] | np.ndarray) -> Tensor:
        """(N, C, S / 8, S / 8) float32: each film is encoded alone, so that its batch changes no bit."""
        for i in map(int, which):
            if i not in self._latents:
                self._latents[i] = self._encoded(i)
        kept = [self._latents[int(i)].float() for i in which]  # autocast to bf16 refuses to stack halves
        return torch.stack(kept).to(self.base.device)

    @torch.no_grad()
    def _encoded(self, i: int) -> Tensor:
        pixels = torch.from_numpy(decode_png(self.store.read(self._images[i])).copy())
        image = pixels.float().to(self.base.device)[None, None] / 127.5 - 1
        with torch.autocast(self.base.device.split(":")[0], enabled=False):
            return self.base.encode(image.expand(-1, self.colours, -1, -1))[0].half().cpu()
