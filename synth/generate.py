"""From a case to a radiograph: the one door through which builds use the models of this room."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synth.cases import Candidate, Case, MaskSet
from synth.errors import WeightsError
from synth.images.frozen.loading import load_foreign
from synth.images.frozen.pipelines import INDEX, is_pipeline
from synth.images.model import ImageModel
from synth.images.one_pass.model import OnePassModel
from synth.images.one_pass.networks import FINE
from synth.images.protocol import CutPrompts, Imager, ShouldStop
from synth.images.trial import try_out
from synth.masks.anatomy import ShapeModel
from synth.masks.generator import MaskGenerator, draw_body
from synth.seeding import numpy_generator
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED, pins


@dataclass
class Synthesizer:
    """Masks and radiographs of cases; a sample depends on its case's seed, key and draw alone.

    ``cut``: the cases whose prompts were longer than the image model reads.
    """

    settings: SynthesisSettings
    shape: ShapeModel
    masker: MaskGenerator
    imager: Imager
    digests: dict[str, str]
    cut: CutPrompts = field(default_factory=CutPrompts)

    @classmethod
    def load(cls, settings: SynthesisSettings) -> "Synthesizer":
        """Load all checkpoints; raises WeightsError for one that is missing or not what its pins say."""
        folders = {
            "anatomy": settings.anatomy or SHIPPED / "shape",
            "masks": settings.masks or SHIPPED / "masks",
        }
        digests = {f"{k}/{name}": v for k, f in folders.items() for name, v in pins(f).items()}
        imager, pinned = _load_imager(settings)
        return cls(
            settings,
            ShapeModel.load(folders["anatomy"]),
            MaskGenerator.load(folders["masks"]),
            imager,
            digests | pinned,
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings that may be asked of the image model."""
        return self.imager.findings

    @property
    def length(self) -> int:
        """Tokens of a prompt that the image model reads."""
        return self.imager.length

    def masks(self, case: Case) -> MaskSet:
        """Anatomy and lesions of a case at the settings' size."""
        rng = numpy_generator(case.seed, case.key, "masks")
        anatomy = draw_body(self.shape, case.findings, self.settings.size, rng, case.who)
        return self.masker.sample(case.findings, anatomy, rng)

    def radiographs(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """(n, size, size) uint8, n at most the batch size; short batches are padded with the last case.

        Padding keeps the bytes of a sample the same whatever stands beside it. Raises Interrupted.
        """
        count, batch = len(cases), self.settings.batch_size
        if not 0 < count <= batch or len(masks) != count:
            raise ValueError(f"cases: {count} with {len(masks)} mask sets, expected 1 to {batch} of each")
        for case in cases:
            if self.imager.cuts(case):
                self.cut.add(case)
        filled = [min(i, count - 1) for i in range(batch)]
        images = self.imager.draw(
            [cases[i] for i in filled], [masks[i] for i in filled], self.settings, should_stop
        )
        return images[:count]

    def candidates(
        self, cases: Sequence[Case], masks: Sequence[MaskSet], should_stop: ShouldStop = None
    ) -> list[Candidate]:
        """The cases with their masks and :meth:`radiographs`."""
        images = self.radiographs(cases, masks, should_stop)
        return [Candidate(*parts) for parts in zip(cases, masks, images, strict=True)]


def _load_imager(settings: SynthesisSettings) -> tuple[Imager, dict[str, str]]:
    """The image model of the settings, ours or another's, and the SHA-256 of each of its files."""
    if settings.fast:
        return _load_one_pass(settings)
    folder = settings.images or SHIPPED / "images"
    if is_pipeline(folder):
        return load_foreign(settings)
    if settings.controlnet is not None:
        raise WeightsError(
            f"images.controlnet: {settings.controlnet}, expected none with {folder}, which is no checkpoint "
            "in diffusers' layout but one of ours, told of masks without"
        )
    if not (folder / "synthorax.json").is_file():
        raise WeightsError(
            f"images.checkpoint: {folder} has no {INDEX}, expected a folder in diffusers' layout, or one of "
            "ours with synthorax.json"
        )
    if settings.size % 32:
        raise WeightsError(f"images.size: {settings.size}, expected a multiple of 32")
    pinned = {f"images/{name}": v for name, v in pins(folder).items()}
    model = ImageModel.load(folder, settings.device, settings.precision)
    if settings.images is not None:
        try_out(model, settings)
    return model, pinned


def _load_one_pass(settings: SynthesisSettings) -> tuple[Imager, dict[str, str]]:
    if settings.size > FINE:
        raise WeightsError(f"images.size: {settings.size}, expected at most {FINE} with images.model fast")
    folder = settings.images or SHIPPED / "one_pass"
    pinned = {f"images/{name}": v for name, v in pins(folder).items()}
    model = OnePassModel.load(folder, settings.device, settings.precision)
    if settings.images is not None:
        try_out(model, settings)
    return model, pinned
