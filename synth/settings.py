"""How radiographs are made: free of torch, so that a config can be read in no time."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SynthesisSettings:
    """Which checkpoints (None: the shipped ones) and how to sample.

    ``size`` in pixels, a multiple of 32; ``guidance`` (of prompt and anatomy) 1 or more;
    ``lesion_guidance`` multiplies the checkpoint's own strength of each finding, 0 or more;
    ``precision`` fp32 or bf16.
    """

    images: Path | None = None
    masks: Path | None = None
    anatomy: Path | None = None
    size: int = 256
    steps: int = 12
    guidance: float = 1.2
    lesion_guidance: float = 1.0
    batch_size: int = 8
    precision: str = "fp32"
    device: str = "cpu"
