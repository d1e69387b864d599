"""Counterfactual radiographs: a real one with findings removed or added inside masks, the rest kept.

XReal's Pathology Controller (Hashmi et al., 2024, arXiv 2403.09240) on a real radiograph. The first branch
of guidance tells what is there, the second what shall be there, so that guidance leads from the one to the
other. Denoising begins with the radiograph's own noise, found by inversion, so that ribs and vessels stay
where they are (Hertz et al., 2023; Couairon et al., 2023), or, as in the paper, afresh. Our own image model
is told of body and lesions by its masks too, other bases by their texts alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from synth.cases import FindingRequest, Lesion, MaskSet
from synth.demographics import UNKNOWN, Demographics
from synth.findings import ANATOMY
from synth.images.denoisers import FrozenDenoiser, Text
from synth.images.finite import check_finite
from synth.images.frozen.blending import Kept, NoiseStreams, Solver, denoise, invert, retrace, touched
from synth.images.model import CONDITION, ImageModel, spatial_condition
from synth.images.protocol import ShouldStop
from synth.prompts.phrases import write_prompt
from synth.seeding import numpy_generator

#: Denoising steps, and the share of noise levels, from the noisiest, that inversion does not go up to.
STEPS, SKIPPED = 16, 0.3

#: Iterations that each step of an inversion is solved in.
ROUNDS = 2

#: Guidance in what is removed, and in what is added, to the radiograph's own noise and afresh. Removed
#: lesions want more, for what surrounds them speaks for them, as a radiograph's own noise does for what is
#: there. A base that knows them by text alone is guided as OURS has it.
REMOVED, REMOVED_AFRESH, ADDED, ADDED_AFRESH, BY_TEXT = 4.0, 2.5, 2.0, 1.0, 5.0

#: First order: extrapolating two strongly guided estimates overshoots (measured: fewer lesions vanish).
SOLVER = Solver(second_order=False)


@dataclass(frozen=True)
class Edit:
    """What is to change in one radiograph whose body is ``anatomy`` (5, S, S) bool.

    It shows the lesions ``removed`` and shall show those ``added``. ``asked`` is what the text says
    shall be there, by default the findings added. ``who`` is the patient, as far as known.

    Raises ValueError for masks of another size, and where nothing may change.
    """

    anatomy: np.ndarray
    removed: tuple[Lesion, ...] = ()
    added: tuple[Lesion, ...] = ()
    asked: tuple[FindingRequest, ...] = ()
    who: Demographics = UNKNOWN

    def __post_init__(self) -> None:
        shape = (len(ANATOMY), *self.anatomy.shape[-1:] * 2)
        if self.anatomy.dtype != bool or self.anatomy.shape != shape:
            raise ValueError(f"anatomy: {self.anatomy.dtype} {self.anatomy.shape}, expected bool {shape}")
        for mask in (m.mask for m in (*self.removed, *self.added)):
            if mask.dtype != bool or mask.shape != shape[1:]:
                raise ValueError(f"mask: {mask.dtype} {mask.shape}, expected bool {shape[1:]}")
        if not self.mask.any():
            raise ValueError("mask: empty, expected pixels that may change")

    @property
    def mask(self) -> np.ndarray:
        """(S, S) bool: where the radiograph may change."""
        out = np.zeros(self.anatomy.shape[1:], bool)
        for lesion in (*self.removed, *self.added):
            out |= lesion.mask
        return out

    @property
    def before(self) -> MaskSet:
        """What the radiograph shows."""
        return MaskSet(self.anatomy, self.removed)

    @property
    def after(self) -> MaskSet:
        """What it shall show."""
        return MaskSet(self.anatomy, self.added)

    def prompts(self, seed: int) -> tuple[str, str]:
        """Texts of before and after."""
        shown = [FindingRequest(n) for n in dict.fromkeys(m.finding for m in self.removed)]
        wanted = self.asked or [FindingRequest(n) for n in dict.fromkeys(m.finding for m in self.added)]
        rng = numpy_generator(seed, "edit", "prompts")
        return write_prompt(shown, self.who, rng), write_prompt(wanted, self.who, rng)


@dataclass(frozen=True)
class Editor:
    """Edits by one frozen base; threads share it.

    ``encode`` takes (N, S, S) uint8 to latents, ``decode`` latents and noise (N, 1, S, S) to (N, S, S) uint8.
    ``factor``: pixels of a latent cell's side.
    """

    base: FrozenDenoiser
    encode: Callable[[np.ndarray], Tensor]
    decode: Callable[[Tensor, Tensor], np.ndarray]
    factor: int
    batch_size: int = 8

    @classmethod
    def of_model(cls, model: ImageModel, batch_size: int = 8) -> "Editor":
        """By our own image model."""
        return cls(FrozenDenoiser.of_model(model), model.encode, model.decode, 8, batch_size)

    @classmethod
    def of_base(cls, base: FrozenDenoiser, colours: int, factor: int, batch_size: int = 8) -> "Editor":
        """By a text-to-image base whose images have ``colours`` channels, grey being their mean."""

        def encode(images: np.ndarray) -> Tensor:
            x = torch.from_numpy(images)[:, None].float().to(base.device) / 127.5 - 1
            return base.encode(x.expand(-1, colours, -1, -1))

        return cls(base, encode, lambda latents, grain: base.grey(latents), factor, batch_size)

    def edit(
        self,
        images: np.ndarray,
        edits: Sequence[Edit],
        seeds: Sequence[int],
        should_stop: ShouldStop = None,
        afresh: bool = False,
    ) -> np.ndarray:
        """The radiographs ``images`` (N, S, S) uint8, edited: (N, S, S) uint8.

        ``afresh``: what may change is made of new noise, and not of the radiograph's own.
        Cells that no mask touches (and that touch no such cell) are those of the image encoded and decoded:
        composite the result to keep its pixels. An edit depends on its own image and seed alone: batches
        have one size, the last is filled up. Raises ValueError, NotFiniteError and Interrupted.
        """
        count, size = len(edits), images.shape[-1]
        if images.ndim != 3 or images.dtype != np.uint8 or not count == len(images) == len(seeds):
            raise ValueError(
                f"images: {images.dtype} {images.shape} with {count} edits and {len(seeds)} seeds, "
                "expected uint8 (N, S, S) and N of each"
            )
        if images.shape[1] != size or any(e.anatomy.shape[-1] != size for e in edits):
            raise ValueError(f"images: {images.shape[1:]}, expected the size of the edits' masks")
        made = []
        for start in range(0, count, self.batch_size):
            some = [min(start + i, count - 1) for i in range(self.batch_size)]
            base = replace(self.base, passes=0, should_stop=should_stop)
            batch = self._batch(
                base, images[some], [edits[i] for i in some], [seeds[i] for i in some], afresh
            )
            made.append(batch[: count - start])
        return np.concatenate(made) if made else images.copy()

    @torch.inference_mode()
    def _batch(
        self,
        base: FrozenDenoiser,
        images: np.ndarray,
        edits: Sequence[Edit],
        seeds: Sequence[int],
        afresh: bool,
    ) -> np.ndarray:
        source = self.encode(images)
        side = source.shape[-1]
        told = base.spare == CONDITION

        def cells(masks: Sequence[np.ndarray]) -> Tensor:
            stack = torch.from_numpy(np.stack(masks))[:, None]
            return touched(stack, side, soft=True).to(base.device)

        free = cells([e.mask for e in edits])
        added = cells([np.asarray(e.after.lesion_channels().any(0)) for e in edits])
        more, less = (ADDED_AFRESH, REMOVED_AFRESH) if afresh else (ADDED, REMOVED)
        strengths = torch.where(added > 0, more, less) if told else torch.full_like(added, BY_TEXT)
        texts = zip(*(e.prompts(s) for e, s in zip(edits, seeds, strict=True)), strict=True)
        text = Text(
            states=torch.stack([base.embed(t) for t in texts]),
            regions=(free * strengths)[None],
            hints=_hints(edits, side).to(base.device) if told else None,
            steady=((free > 0) & (added == 0)).float(),
        )
        streams = NoiseStreams(seeds, "edit", base.device)
        if afresh:
            start, kept = (source, streams.normal(source.shape[1:])), Kept(source, 1 - free, STEPS)
            made = denoise(base, base.schedule.levels(STEPS), start, text, streams, SOLVER, kept)
        else:
            levels = base.schedule.levels(round(STEPS / (1 - SKIPPED)))[-STEPS - 1 :]
            shown = Text(text.states[:1], hints=None if text.hints is None else text.hints[:1])
            made = retrace(base, levels, invert(base, levels, source, shown, ROUNDS), free, text)
        return self.decode(check_finite(made, "latents"), streams.normal((1, *images.shape[1:])))


def step_count(afresh: bool) -> int:
    """Times that a batch's ``should_stop`` is asked."""
    return STEPS if afresh else STEPS * (1 + ROUNDS)


def _hints(edits: Sequence[Edit], side: int) -> Tensor:
    """(2, N, CONDITION, side, side): what our image model is told of before and after."""
    anatomy = torch.from_numpy(np.stack([e.anatomy for e in edits]))
    known = torch.ones(len(edits), dtype=torch.bool)

    def told(masks: Sequence[MaskSet]) -> Tensor:
        lesions = torch.from_numpy(np.stack([m.lesion_channels() for m in masks]))
        return spatial_condition(anatomy, lesions, side, known)

    return torch.stack([told([e.before for e in edits]), told([e.after for e in edits])])
