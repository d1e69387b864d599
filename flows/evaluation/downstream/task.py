"""What every task is: films and their truths, a network, its loss, its answers and what they are worth."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from flows.evaluation.downstream.films import Films, Truth
from flows.evaluation.downstream.synthetic import SyntheticFilm
from flows.evaluation.downstream.vocabulary import Meaning, chosen
from flows.training.backbones import imagenet

#: A figure of the test films with these indices, which may repeat; NaN where they do not allow it.
Measure = Callable[[np.ndarray], float]
#: A network's answers on N films, arrays by name; the first axis is the film's unless the task says else.
Answers = dict[str, np.ndarray]

#: The encoder of every task's network, of timm.
ENCODER, BACKBONE = "tf_efficientnet_lite0", "lite0"


class Task(ABC):
    """One of the field's tasks, narrowed to ``classes``, on films of ``size`` pixels a side.

    ``steps``, ``batch`` and ``rate`` are what it trains with unless the settings say otherwise. With
    ``folds`` the real films that train are those that test, in turn.
    """

    name: ClassVar[str]
    network_name: ClassVar[str]
    vocabulary: ClassVar[dict[str, Meaning]]
    default_size: ClassVar[int]
    steps: ClassVar[int]
    batch: ClassVar[int]
    rate: ClassVar[float]
    folds: ClassVar[int] = 1

    def __init__(self, classes: Sequence[str] | None = None, size: int | None = None) -> None:
        self.classes = chosen(classes, self.vocabulary)
        self.meanings = [self.vocabulary[name] for name in self.classes]
        self.size = size or self.default_size

    @abstractmethod
    def real(self, data: Path) -> tuple[Films, Films]:
        """Films of real patients to train on, and of those that are held out, to test on."""

    @abstractmethod
    def truth(self, film: SyntheticFilm) -> Truth:
        """What a synthetic film teaches."""

    @abstractmethod
    def network(self, backbone: str) -> nn.Module:
        """The network for (N, 1, S, S) in [-1, 1], not yet taught but for an ImageNet ``backbone``."""

    @abstractmethod
    def loss(self, network: nn.Module, x: Tensor, truths: Sequence[Truth]) -> Tensor:
        """Of a batch in [0, 1]."""

    @abstractmethod
    def answers(self, network: nn.Module, films: Films, device: str) -> Answers:
        """What a network says of films."""

    @abstractmethod
    def measures(self, test: Films, answers: Answers) -> dict[str, Measure]:
        """Figures by name, of answers on all test films."""

    def class_of(self, measure: str) -> str | None:
        """The class that a figure is about; None where it is about several."""
        found = [name for name in self.classes if f", {name}" in measure]
        return max(found, key=len, default=None)

    @abstractmethod
    def counts(self, test: Films) -> dict[str, dict[str, int]]:
        """What each figure rests on."""


def load_backbone(module: nn.Module, backbone: str) -> None:
    """ImageNet's weights into timm's network or smp's encoder of it; ``none`` leaves it as it is."""
    if backbone == "none":
        return
    tensors, own = imagenet(BACKBONE), module.state_dict()
    found = {k: tensors[k.removeprefix("model.")] for k in own if k.removeprefix("model.") in tensors}
    module.load_state_dict(own | {k: v for k, v in found.items() if v.shape == own[k].shape})


def shown_in_batches(images: np.ndarray, device: str, batch: int = 32) -> Any:
    """Films (N, S, S) uint8 as networks see them, (B, 1, S, S) in [-1, 1], batch after batch."""
    for some in torch.from_numpy(images).split(batch):
        x = some[:, None].float().div(127.5).sub(1).to(device)
        yield x.contiguous(memory_format=torch.channels_last)
