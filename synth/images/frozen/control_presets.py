"""How XReal's controllers run: the schedule of the paper's published code, and ours."""

from dataclasses import dataclass, field, replace

from synth.images.frozen.blending import Solver


@dataclass(frozen=True)
class Stage:
    """``steps`` over the levels that are left when the noisiest ``skipped`` (a share of all) are not gone
    through; the first ``kept`` of them (a share) blend; ``guidance`` of the prompts."""

    steps: int
    skipped: float = 0.0
    kept: float = 1.0
    guidance: float = 1.0


@dataclass(frozen=True)
class Preset:
    """How both controllers run.

    ``inside`` and ``outside``: weight of the rough latent in organs and elsewhere. ``labels``: anatomy is
    given as a label map of 5 values, one a pixel. ``soft``: masks' edges fall off. ``together``: all lesions
    in one pass over the levels, not one after another. ``through_pixels``: decode, clamp and encode before
    the second stage. ``alone``: one image at a time.
    """

    anatomy: Stage
    pathology: Stage
    inside: float = 1.0
    outside: float = 0.2
    solver: Solver = field(default_factory=Solver)
    labels: bool = False
    soft: bool = True
    together: bool = True
    through_pixels: bool = False
    alone: bool = False

    def passes(self, lesions: int = 1) -> int:
        """UNet passes an image of both stages takes."""
        stages = 1 if self.together else lesions
        branches = 1 + (lesions if self.together else 1)
        return self.anatomy.steps + (self.pathology.steps * branches * stages if lesions else 0)


#: The paper's published code: about 300 UNet passes an image.
PAPER = Preset(
    anatomy=Stage(steps=100, kept=0.5),
    pathology=Stage(steps=100, guidance=7.0),
    solver=Solver(eta=1.0, second_order=False, preserve=False),
    labels=True,
    soft=False,
    together=False,
    through_pixels=True,
    alone=True,
)

#: Ours: a fifth of its passes or fewer, in batches. What the first levels would make of a body is replaced
#: by the rough latent in the end, so they are left out.
OURS = Preset(
    anatomy=Stage(steps=16, skipped=0.3, kept=0.5),
    pathology=Stage(steps=16, guidance=5.0),
    outside=0.5,
)

#: Ours for a base that is told of lesions by hints too, and needs less exaggeration.
HINTED = replace(OURS, pathology=replace(OURS.pathology, guidance=2.0))
