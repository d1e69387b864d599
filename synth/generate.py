"""From a case to a radiograph: the one door through which builds use the models of this room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from synth.anatomy import ShapeModel, without_lesions
from synth.cases import Case, MaskSet
from synth.images import ImageModel, Stopped
from synth.masks import MaskGenerator, draw_body
from synth.seeding import derive_seed, numpy_generator
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED, pins

__all__ = ["Stopped", "Synthesizer"]


@dataclass
class Synthesizer:
    """Masks and radiographs of cases; a sample depends on its case's seed and key alone."""

    settings: SynthesisSettings
    shape: ShapeModel
    masker: MaskGenerator
    imager: ImageModel
    digests: dict[str, str]

    @classmethod
    def load(cls, settings: SynthesisSettings) -> "Synthesizer":
        """Load all checkpoints; raises WeightsError for one that is missing or not what its pins say."""
        folders = {
            "anatomy": settings.anatomy or SHIPPED / "shape",
            "masks": settings.masks or SHIPPED / "masks",
            "images": settings.images or SHIPPED / "images",
        }
        digests = {f"{k}/{name}": v for k, f in folders.items() for name, v in pins(f).items()}
        return cls(
            settings,
            ShapeModel.load(folders["anatomy"]),
            MaskGenerator.load(folders["masks"]),
            ImageModel.load(folders["images"], settings.device, settings.precision),
            digests,
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings that the image model was trained to draw."""
        return self.imager.findings

    def masks(self, case: Case) -> MaskSet:
        """Anatomy and lesions of a case at the settings' size."""
        rng = numpy_generator(case.seed, case.key, "masks")
        anatomy = draw_body(self.shape, case.findings, self.settings.size, rng, case.who)
        return self.masker.sample(case.findings, anatomy, rng)

    def radiographs(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        should_stop: Callable[[], bool] | None = None,
    ) -> np.ndarray:
        """(n, size, size) uint8, n at most the batch size; short batches are padded with the last case.

        Padding keeps the bytes of a sample the same whatever stands beside it. Raises Stopped.
        """
        count, batch = len(cases), self.settings.batch_size
        if not 0 < count <= batch or len(masks) != count:
            raise ValueError(f"cases: {count} with {len(masks)} mask sets, expected 1 to {batch} of each")
        filled = [min(i, count - 1) for i in range(batch)]
        side = self.settings.size // 8
        prompts, bodies = [cases[i].prompt for i in filled], [masks[i] for i in filled]
        condition = self.imager.condition(prompts, bodies, side)
        healthy = self.imager.condition(prompts, [without_lesions(b) for b in bodies], side)
        channels = self.imager.unet.config["out_channels"]
        settings = self.settings
        noise = torch.stack([_noise(cases[i], "noise", (channels, side, side)) for i in filled])
        grain = torch.stack([_noise(cases[i], "grain", (1, settings.size, settings.size)) for i in filled])
        strengths = settings.guidance, settings.lesion_guidance
        images = self.imager.sample(condition, healthy, noise, settings.steps, *strengths, should_stop, grain)
        return images[:count]


def _noise(case: Case, stage: str, shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(derive_seed(case.seed, case.key, stage))
    return torch.randn(shape, generator=generator)
