"""Several experts asked as one: the mean of their words, so that no filter rests on one opinion."""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit, logit

from filters.experts.configs import CONFIG, LiteConfig, config_of
from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy
from filters.experts.embedding import INDEX, TrainingIndex
from filters.experts.lite import LiteExpert
from filters.experts.networks import mobilenet_lung_network
from filters.experts.opinion import Expert, Maps, Opinion
from synth.errors import WeightsError
from synth.findings import ANATOMY, FINDING_NAMES
from synth.weights import verify_folder

#: The folders of each kind's experts, of architectures that differ; all but the first may be missing.
MEMBERS: Final = {
    "anatomy": ("anatomy", "anatomy_second"),
    "findings": ("findings_lite0", "findings_lite1"),
}


class Ensemble:
    """Experts asked as one. It speaks of what any member speaks of: each mean is over those that do.

    Maps are averaged as probabilities (Lakshminarayanan et al., 2017), a finding's probabilities as logits
    (logarithmic opinion pool, Genest & Zidek, 1986), for the mean of two calibrated probabilities is too
    timid; ``calibration`` then maps a finding to Platt's (scale, bias) of the mean logit. The embedding is
    that of the first member with one. ``doubted`` are the findings that they could not tell together on real
    films.
    """

    def __init__(
        self,
        members: Sequence[Expert],
        calibration: Mapping[str, Mapping[str, float]] | None = None,
        doubted: frozenset[str] = frozenset(),
    ) -> None:
        self.members = tuple(members)
        self.calibration, self.doubted = calibration or {}, doubted
        self.name = " and ".join(m.name for m in members)
        self.digest = sha256("".join(m.digest for m in members).encode()).hexdigest()
        self.findings = tuple(n for n in FINDING_NAMES if any(n in m.findings for m in members))
        self.structures = tuple(n for n in ANATOMY if any(n in m.structures for m in members))

    def look(self, images: np.ndarray) -> list[Opinion]:
        """The members' joint opinion of each of ``images`` (N, H, W) uint8."""
        return [self._joint(said) for said in zip(*(m.look(images) for m in self.members), strict=True)]

    def _joint(self, said: Sequence[Opinion]) -> Opinion:
        maps = [
            np.mean([m for o in said if (m := o.probability_map(n)) is not None], 0) for n in self.structures
        ]
        spoken = dict.fromkeys(n for o in said for n in o.probabilities)
        seen = dict.fromkeys(n for o in said for n in o.lesions)
        return Opinion(
            structures=self.structures,
            anatomy=np.stack(maps) if maps else None,
            probabilities={n: self._probability(n, said) for n in spoken},
            lesions=Maps({n: partial(_mean_map, n, said) for n in seen}),
            embedding=next((o.embedding for o in said if o.embedding is not None), None),
            doubted=self.doubted,
            unplaced=frozenset(n for n in seen if all(n in o.unplaced for o in said if n in o.lesions)),
        )

    def _probability(self, name: str, said: Sequence[Opinion]) -> float:
        fitted = self.calibration.get(name, {"scale": 1.0, "bias": 0.0})
        pooled = pooled_logit([o.probabilities[name] for o in said if name in o.probabilities])
        return float(expit(fitted["scale"] * pooled + fitted["bias"]))


def _mean_map(name: str, said: Sequence[Opinion]) -> np.ndarray:
    return np.asarray(np.mean([o.lesions[name] for o in said if name in o.lesions], 0))


def pooled_logit(probabilities: Sequence[float]) -> float:
    """The mean logit of probabilities in [0, 1], none taken as quite certain; NaN stays NaN."""
    return float(logit(np.clip(np.asarray(probabilities, float), 1e-6, 1 - 1e-6)).mean())


def expert_folders(kind: str, root: Path = CHECKPOINTS) -> list[str]:
    """Those of a kind's experts that stand in ``root``; the first in any case."""
    first, *others = MEMBERS[kind]
    return [first, *(name for name in others if (root / name).is_dir())]


def expert_digests(root: Path = CHECKPOINTS) -> dict[str, str]:
    """SHA-256 of each file that the experts of a folder are made of, the index of training images aside."""
    names = [name for kind in MEMBERS for name in expert_folders(kind, root) if (root / name).is_dir()]
    pinned = {f"filters/{name}/{file}": v for name in names for file, v in verify_folder(root / name).items()}
    return {name: v for name, v in pinned.items() if not name.endswith(INDEX)}


def load_anatomy(
    root: Path = CHECKPOINTS, batch_size: int = 8, device: str = "cpu", index: TrainingIndex | None = None
) -> Expert:
    """The anatomy experts of a folder: two, or one where no second stands beside it.

    The first embeds when it has an ``index``.
    """
    first, *others = expert_folders("anatomy", root)
    expert = EmbeddedAnatomy.load(root / first, batch_size, device, index)
    if not others:
        return expert
    lungs = (EmbeddedAnatomy.of(mobilenet_lung_network(), root / n, batch_size, device) for n in others)
    return Ensemble([expert, *lungs])


def load_findings(root: Path = CHECKPOINTS, batch_size: int = 8, device: str = "cpu") -> Expert:
    """The finding experts of a folder, as :func:`load_anatomy`; the last one's config says of all together
    how they are calibrated and what they could tell."""
    names = expert_folders("findings", root)
    experts = [LiteExpert.read(root / name, batch_size, device) for name in names]
    if len(experts) == 1:
        return experts[0]
    together = config_of(root / names[-1], LiteConfig).together
    if together is None:
        raise WeightsError(f"weights: {root / names[-1] / CONFIG}, together: none, expected that of {names}")
    calibration = {name: numbers.model_dump() for name, numbers in together.calibration.items()}
    return Ensemble(experts, calibration, frozenset(experts[0].findings) - frozenset(together.trusted))
