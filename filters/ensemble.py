"""Several experts asked as one: the mean of their words, so that no filter rests on one opinion."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from filters.embedding import TrainingIndex
from filters.experts import CHECKPOINTS, EmbeddedAnatomy, EmbeddedFindings
from filters.networks import second_finding_network, second_lung_network
from filters.opinions import Expert, Opinion
from synth.findings import ANATOMY, FINDING_NAMES

#: The folder of each kind's second expert, which is of another architecture than the first.
SECOND = {"anatomy": "anatomy_second", "findings": "findings_second"}


class Ensemble:
    """Experts whose probabilities are averaged (Lakshminarayanan et al., 2017).

    It speaks of what any member speaks of: the mean is over those that do. The embedding is that of the
    first member with one.
    """

    def __init__(self, members: Sequence[Expert]) -> None:
        self.members = tuple(members)
        self.name = " and ".join(m.name for m in members)
        self.digest = sha256("".join(m.digest for m in members).encode()).hexdigest()
        self.findings = tuple(n for n in FINDING_NAMES if any(n in m.findings for m in members))
        self.structures = tuple(n for n in ANATOMY if any(n in m.structures for m in members))

    def look(self, images: np.ndarray) -> list[Opinion]:
        """The members' mean opinion of each of ``images`` (N, H, W) uint8."""
        return [self._mean(said) for said in zip(*(m.look(images) for m in self.members), strict=True)]

    def _mean(self, said: Sequence[Opinion]) -> Opinion:
        maps = [
            np.mean([o.anatomy[o.structures.index(n)] for o in said if n in o.structures], 0)  # type: ignore[index]
            for n in self.structures
        ]
        spoken = dict.fromkeys(n for o in said for n in o.probabilities)
        return Opinion(
            structures=self.structures,
            anatomy=np.stack(maps) if maps else None,
            probabilities={
                n: float(np.mean([o.probabilities[n] for o in said if n in o.probabilities])) for n in spoken
            },
            lesions={n: np.mean([o.lesions[n] for o in said if n in o.lesions], 0) for n in self.findings},
            embedding=next((o.embedding for o in said if o.embedding is not None), None),
        )


def load_anatomy(root: Path = CHECKPOINTS, batch_size: int = 8, device: str = "cpu") -> Expert:
    """The anatomy experts of a folder: two, or one where no second stands beside it."""
    first = EmbeddedAnatomy.load(root / "anatomy", batch_size, device)
    second = root / SECOND["anatomy"]
    if not second.is_dir():
        return first
    return Ensemble([first, EmbeddedAnatomy.of(second_lung_network(), second, batch_size, device)])


def load_findings(
    root: Path = CHECKPOINTS, index: TrainingIndex | None = None, batch_size: int = 8, device: str = "cpu"
) -> Expert:
    """The finding experts of a folder, as :func:`load_anatomy`; the first embeds when it has an ``index``."""
    first = EmbeddedFindings.load(root / "findings", index, batch_size, device)
    second = root / SECOND["findings"]
    if not second.is_dir():
        return first
    other = EmbeddedFindings.of(second_finding_network(), second, None, batch_size, device)
    return Ensemble([first, other])
