"""How radiographs are made: free of torch, so that a config can be read in no time."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Usual:
    """How an image model is sampled unless the user says: denoising steps, and guidance of the prompt."""

    steps: int
    guidance: float


#: Our own image model.
OWN = Usual(12, 1.2)
#: Our fast one, whose steps are of the rough film and cost little; it has no guidance of a prompt.
ONE_PASS = Usual(6, 1.0)
#: A foreign checkpoint with a ControlNet: RoentGen's guidance (Chambon et al., 2022, arXiv 2211.12737);
#: DPM-Solver++ has converged at 25 steps (Lu et al., 2022, arXiv 2211.01095).
CONTROLLED = Usual(25, 4.0)
#: One without, under XReal's controllers: those of :data:`synth.images.frozen.control_presets.OURS`.
FROZEN = Usual(16, 5.0)

#: Edits made of each real radiograph, of which the best is kept.
TRIES = 4
#: Characters of a prompt that are read: the longest reports have a third of it.
LONGEST_PROMPT = 10_000


@dataclass(frozen=True)
class SynthesisSettings:
    """Which checkpoints (None: the shipped ones) and how to sample.

    ``images``: a folder of ours or in diffusers' layout, ``controlnet`` one for the latter;
    ``size`` in pixels, a multiple of 32; ``guidance`` (of the prompt; of ours, of anatomy too) 1 or
    more; ``lesion_guidance`` multiplies the checkpoint's own strength of each finding, 0 or more;
    ``precision`` fp32 or bf16.
    """

    images: Path | None = None
    masks: Path | None = None
    anatomy: Path | None = None
    size: int = 256
    steps: int = OWN.steps
    guidance: float = OWN.guidance
    lesion_guidance: float = 1.0
    batch_size: int = 8
    precision: str = "fp32"
    device: str = "cpu"
    # Caches of images are keyed by these settings as text; this file is in them by its digest.
    controlnet: Path | None = field(default=None, repr=False)
    fast: bool = field(default=False, repr=False)  # the one-pass model
