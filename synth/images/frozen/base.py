"""Radiographs by other people's latent diffusion models, whose weights are never touched.

With a ControlNet that is told our masks (:mod:`synth.images.frozen.controlnet`), or without one under
XReal's controllers (:mod:`synth.images.frozen.controllers`). Both sample by the checkpoint's own noise
schedule with DPM-Solver++.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from transformers import CLIPTokenizer

from synth.cases import Case, Cases, MaskSet, MaskSets
from synth.findings import FINDING_NAMES
from synth.images.denoisers import FrozenDenoiser
from synth.images.protocol import ShouldStop
from synth.images.text import is_cut
from synth.seeding import derive_seed
from synth.settings import SynthesisSettings


@dataclass(frozen=True)
class ForeignImager(ABC):
    """A frozen base; threads share it, and each batch takes a copy of ``base`` for its own.

    ``factor``: pixels of a latent cell's side. Which findings the base knows is not told by its folder: all
    may be asked for, and the filters say which came.
    """

    base: FrozenDenoiser
    tokenizer: CLIPTokenizer
    factor: int

    @property
    def findings(self) -> tuple[str, ...]:
        """All."""
        return FINDING_NAMES

    @property
    def length(self) -> int:
        """Tokens of a prompt that are read."""
        return int(self.tokenizer.model_max_length)

    def cuts(self, case: Case) -> bool:
        """Whether a text that the case is drawn from is longer than what is read of it."""
        return any(is_cut(self.tokenizer, text, self.length) for text in self.texts(case))

    def draw(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """Images (N, size, size) uint8 of N cases with their masks. Raises Interrupted."""
        base = replace(self.base, passes=0, should_stop=should_stop)
        return base.grey(self.latents(base, cases, masks, settings))

    @abstractmethod
    def texts(self, case: Case) -> Sequence[str]:
        """The prompts that a case is drawn from."""

    @abstractmethod
    def check(self, settings: SynthesisSettings) -> None:
        """Raises UserError for settings that cannot be sampled with."""

    @abstractmethod
    def latents(
        self, base: FrozenDenoiser, cases: Cases, masks: MaskSets, settings: SynthesisSettings
    ) -> Tensor:
        """Latents (N, C, side, side) of N cases with their masks. Raises Interrupted."""


def sample_seeds(cases: Sequence[Case]) -> list[int]:
    """The seed of each case's image, another one for each of its draws."""
    return [derive_seed(case.seed, case.key, case.stage("image")) for case in cases]
