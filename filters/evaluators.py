"""Independent evaluators: networks that neither train nor filter what they are asked about.

Their architecture, seed and training differ from the experts' (:mod:`filters.experts`), so that a
figure given by them is a second opinion.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from filters.experts import (
    CHECKPOINTS,
    EmbeddedAnatomy,
    EmbeddedFindings,
    ask,
    load_network,
    logistic,
    prepare,
    read_config,
)
from filters.networks import (
    AttributeNetwork,
    lesion_evaluator_network,
    lung_evaluator_network,
)

#: Folders under CHECKPOINTS.
ANATOMY_EVALUATOR, ATTRIBUTE_EVALUATOR, LESION_EVALUATOR = (
    "evaluator_anatomy",
    "evaluator_attributes",
    "evaluator_lesions",
)


@dataclass(frozen=True)
class Attributes:
    """What N radiographs show of their patients: each (N,) float32.

    ``female`` and ``pa``: probabilities in [0, 1]; ``age`` in years.
    """

    female: np.ndarray
    pa: np.ndarray
    age: np.ndarray


class AttributeEvaluator:
    """Sex, view and age of frontal radiographs.

    ``ages``: mean and standard deviation in years that the network's age output is in units of.
    """

    def __init__(
        self, network: AttributeNetwork, resolution: int, ages: tuple[float, float], batch_size: int = 16
    ) -> None:
        self.network, self.resolution = network.eval(), resolution
        self.ages, self.batch_size = ages, batch_size

    @classmethod
    def load(cls, folder: Path | None = None) -> "AttributeEvaluator":
        """From a checkpoint folder, by default the shipped one; WeightsError says what is wrong."""
        folder = folder or CHECKPOINTS / ATTRIBUTE_EVALUATOR
        config = read_config(folder)
        network, _ = load_network(AttributeNetwork(), folder)
        return cls(network, config["resolution"], (config["age_mean"], config["age_deviation"]))

    def look(self, images: np.ndarray) -> Attributes:
        """Attributes of ``images`` (N, H, W) uint8."""
        answers: list[np.ndarray] = ask(images, self.batch_size, self._look)
        rows = np.stack(answers)
        probabilities = logistic(torch.from_numpy(rows[:, :2]))
        return Attributes(probabilities[:, 0], probabilities[:, 1], rows[:, 2] * self.ages[1] + self.ages[0])

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float32 features of ``images`` (N, H, W) uint8."""
        rows: list[np.ndarray] = ask(images, self.batch_size, self._features)
        return np.stack(rows)

    @torch.inference_mode()
    def _look(self, batch: np.ndarray) -> list[np.ndarray]:
        return list(self.network(prepare(batch, self.resolution)).float().numpy())

    @torch.inference_mode()
    def _features(self, batch: np.ndarray) -> list[np.ndarray]:
        return list(self.network.features(prepare(batch, self.resolution)).float().numpy())


def load_lung_evaluator(folder: Path | None = None, batch_size: int = 8) -> EmbeddedAnatomy:
    """The lungs' evaluator, asked as the anatomy expert is; it speaks of right and left lung only."""
    folder = folder or CHECKPOINTS / ANATOMY_EVALUATOR
    config = read_config(folder)
    network, pin = load_network(lung_evaluator_network(), folder)
    evaluator = EmbeddedAnatomy(network, config["resolution"], tuple(config["structures"]), pin, batch_size)
    evaluator.name = "lung evaluator"
    return evaluator


def load_lesion_evaluator(folder: Path | None = None, batch_size: int = 8) -> EmbeddedFindings:
    """The lesions' evaluator, asked as the finding expert is; it embeds nothing."""
    folder = folder or CHECKPOINTS / LESION_EVALUATOR
    evaluator = EmbeddedFindings.of(lesion_evaluator_network(), folder, batch_size=batch_size)
    evaluator.name = "lesion evaluator"
    return evaluator
