"""The spaces that copies are looked for in: none in which the image model was guided or judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from PIL import Image

from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy
from filters.experts.embedding import INDEX, TrainingIndex, normalise
from filters.experts.evaluators import ANATOMY_EVALUATOR, load_lung_evaluator
from flows.evaluation.memorisation import pixels
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.spaces import judge_name
from flows.material.films import FOLDERS

#: Pixels a side that films are compared at: what most of those learned from have.
SIDE = FOLDERS["nih128"]
#: A space's axes: so many, each of the same weight, fitted to so many films learned from at most.
DIMENSIONS, FITTED = 128, 2000

Space = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class CopySpaces:
    """Three spaces by name: ``anatomy``, bodies as the anatomy expert sees them, by whose index filters look
    for copies; ``evaluator_anatomy``, as the evaluator of lungs sees them, who neither trains nor filters;
    ``pixels``, 32 a side, as many as the fast model's rough films have."""

    expert: EmbeddedAnatomy = field(default_factory=EmbeddedAnatomy.load)
    evaluator: EmbeddedAnatomy = field(default_factory=load_lung_evaluator)
    index: TrainingIndex = field(default_factory=lambda: TrainingIndex.load(CHECKPOINTS / "anatomy" / INDEX))

    def rows(self, kept: Kept, images: np.ndarray) -> dict[str, np.ndarray]:
        """(N, F) by space of films (N, S, S) uint8; what networks said of them is ``kept``."""
        films = alike(images)
        both = kept.rows("copies", self._digest, films, self._seen)
        bodies, lungs = np.split(both.astype(np.float32), [len(self.index.components)], axis=1)
        return {"anatomy": bodies, ANATOMY_EVALUATOR: lungs, "pixels": pixels(films)}

    def axes(self, name: str, learned: np.ndarray) -> Space:
        """Rows (N, F) of one space to unit vectors (N, D), by the axes of films that were learned from; the
        anatomy expert's are such vectors already."""
        if name == "anatomy":
            return normalise
        some = learned[np.linspace(0, len(learned) - 1, min(FITTED, len(learned))).astype(int)]
        return TrainingIndex.fit(some, list(map(str, range(len(some)))), DIMENSIONS).project

    def judge(self, name: str, weights: Mapping[str, str]) -> str:
        """The space's name, and whether its network also filtered the build of these ``weights``."""
        digests = {"anatomy": self.expert.digest, ANATOMY_EVALUATOR: self.evaluator.digest}
        return judge_name(name, digests[name], weights) if name in digests else name

    @property
    def _digest(self) -> str:
        pins = self.expert.digest, self.evaluator.digest, self.index.components.tobytes()
        return blake2b(repr(pins).encode(), digest_size=8).hexdigest()

    def _seen(self, films: np.ndarray) -> np.ndarray:
        bodies = self.index.project(self.expert.features(films))
        return np.concatenate([bodies, self.evaluator.features(films)], 1).astype(np.float16)


def alike(images: np.ndarray) -> np.ndarray:
    """Films (N, S, S) uint8 at SIDE pixels: smaller by the mean of areas, larger bilinearly."""
    if images.shape[-1] == SIDE or not len(images):
        return images
    how = Image.Resampling.BOX if images.shape[-1] > SIDE else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(i).resize((SIDE, SIDE), how)) for i in images])
