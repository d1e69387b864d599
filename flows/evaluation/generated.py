"""The generated radiographs that figures are measured on: made once, kept in a file, resumed from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from filters.judge import Judge
from filters.verdicts import decide
from flows.config.terminal import tracked
from flows.material.real import Radiographs
from flows.material.scenes import demographics_of, labelled_requests
from flows.training.loop import console
from synth.cases import Candidate, Case, MaskSet
from synth.generate import Synthesizer
from synth.prompts.phrases import write_prompt
from synth.prompts.sampler import PromptSampler

#: Seed of the measured set, whose keys are 000000000 and on; the next one is that of the set alike.
SEED = 11
#: Images made between two writes of the cache.
SAVE_EVERY = 64


@dataclass(frozen=True)
class Sample:
    """N uncurated radiographs and what was asked for: ``images`` (N, S, S) uint8."""

    cases: list[Case]
    masks: list[MaskSet]
    images: np.ndarray


@dataclass(frozen=True)
class Judged:
    """A sample, its ``accepted`` (N,) bool, and how many each filter ``refused``."""

    sample: Sample
    accepted: np.ndarray
    refused: dict[str, int]

    @property
    def kept(self) -> np.ndarray:
        """(K, S, S) uint8: the accepted images."""
        return self.sample.images[self.accepted]


class ImageStore:
    """Radiographs by what determines them: weights, settings, case and masks.

    With a ``path`` (npz: ``keys`` (N,) str, ``images`` (N, S, S) uint8) those made before are read
    from it and new ones are added, so that a run goes on where one was interrupted.
    """

    def __init__(self, maker: Synthesizer, path: Path | None = None) -> None:
        self.maker, self.path = maker, path
        self.known: dict[str, np.ndarray] = {}
        if path is not None and path.exists():
            with np.load(path) as arrays:
                self.known = dict(zip(arrays["keys"].tolist(), arrays["images"], strict=True))
        settings = maker.settings
        weights = sorted(maker.digests.items())
        self._about = repr((weights, replace(settings, batch_size=0)))

    def images(self, cases: Sequence[Case], masks: Sequence[MaskSet], title: str = "images") -> np.ndarray:
        """(N, S, S) uint8 of all cases, in their order; ``title`` is shown beside the progress."""
        keys = [self._key(c, m) for c, m in zip(cases, masks, strict=True)]
        missing = [i for i, k in enumerate(keys) if k not in self.known]
        size, unsaved = self.maker.settings.batch_size, 0
        starts = range(0, len(missing), size)
        for start in tracked(starts, f"{title}, batches", len(starts), console):
            some = missing[start : start + size]
            made = self.maker.radiographs([cases[i] for i in some], [masks[i] for i in some])
            self.known |= {keys[i]: image for i, image in zip(some, made, strict=True)}
            unsaved += len(some)
            if unsaved >= SAVE_EVERY or start + size >= len(missing):
                self._save()
                unsaved = 0
        return np.stack([self.known[k] for k in keys])

    def _key(self, case: Case, masks: MaskSet) -> str:
        digest = blake2b(self._about.encode(), digest_size=16)
        digest.update(repr((case.key, case.seed, case.prompt)).encode())
        digest.update(np.packbits(masks.anatomy).tobytes())
        digest.update(np.packbits(masks.lesion_channels()).tobytes())
        return digest.hexdigest()

    def _save(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp.npz")
        np.savez(temporary, keys=np.array(list(self.known)), images=np.stack(list(self.known.values())))
        temporary.replace(self.path)


def draw_sample(store: ImageStore, count: int) -> Sample:
    """The first ``count`` keys, prompts from the shipped table with the findings that can be drawn."""
    source = PromptSampler(findings=store.maker.findings)
    cases = [source.case(SEED, f"{i:09d}") for i in range(count)]
    masks = [store.maker.masks(c) for c in cases]
    return Sample(cases, masks, store.images(cases, masks, "samples"))


def draw_alike(store: ImageStore, nih: Radiographs, which: np.ndarray) -> Sample:
    """One radiograph for each of some real ones, asked for by its labels, age, sex and view.

    As the Fréchet distance on COCO takes the captions of its images: what was asked for is then
    distributed alike on both sides, and only what was drawn can differ.
    """
    cases = []
    for i in which:
        requests, who = labelled_requests(nih, i), demographics_of(nih, i)
        prompt = write_prompt(requests, who, np.random.default_rng((SEED, i)))
        cases.append(Case(f"{i:09d}", SEED + 1, prompt, tuple(requests), who.age, who.sex, who.view))
    masks = [store.maker.masks(c) for c in cases]
    return Sample(cases, masks, store.images(cases, masks, "alike"))


def judged(sample: Sample, batch: int = 32) -> Judged:
    """By the product's filters, as one shard."""
    judge, accepted = Judge.load().for_shard(), []
    refused: dict[str, int] = {}
    candidates = [Candidate(*parts) for parts in zip(sample.cases, sample.masks, sample.images, strict=True)]
    for start in range(0, len(candidates), batch):
        for judgement in judge.judge(candidates[start : start + batch]):
            accepted.append(decide(judgement.verdicts).status == "accepted")
            for v in judgement.verdicts:
                refused[v.filter] = refused.get(v.filter, 0) + (v.outcome == "fail")
    return Judged(sample, np.array(accepted), refused)
