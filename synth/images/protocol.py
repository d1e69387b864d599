"""What :class:`synth.generate.Synthesizer` asks of an image model, whoever trained it."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from synth.cases import Case, MaskSet
from synth.seeding import derive_seed
from synth.settings import SynthesisSettings

#: Asked between denoising steps.
ShouldStop = Callable[[], bool] | None


class Imager(Protocol):
    """An image model. ``findings``: those it draws; ``length``: tokens of a prompt that it reads."""

    @property
    def findings(self) -> tuple[str, ...]: ...

    @property
    def length(self) -> int: ...

    def cuts(self, case: Case) -> bool:
        """Whether a text that this case is drawn from is longer than ``length`` and loses its end."""
        ...

    def draw(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """Images (N, size, size) uint8 of N cases, N the fixed batch size; the last may repeat.

        Raises :class:`synth.errors.Interrupted` between two steps once ``should_stop`` says so.
        """
        ...


class CutPrompts:
    """Which cases lost the end of their prompt, each counted once; for many threads."""

    def __init__(self) -> None:
        self._keys: set[tuple[int, str]] = set()
        self._lock = threading.Lock()

    def add(self, case: Case) -> None:
        """Count a case, unless it was counted before."""
        with self._lock:
            self._keys.add((case.seed, case.key))

    def __len__(self) -> int:
        with self._lock:
            return len(self._keys)


def case_noise(case: Case, stage: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of one stage of one draw of a case, on the CPU whatever the device."""
    generator = torch.Generator().manual_seed(derive_seed(case.seed, case.key, case.stage(stage)))
    return torch.randn(shape, generator=generator)
